/// Random bytes and damaged packets, the same ones for the same seed.
struct Mutation {
    private var state: UInt64
    private let samples: [[UInt8]]

    init(seed: UInt64, samples: [[UInt8]]) {
        state = seed
        self.samples = samples
    }

    /// SplitMix64.
    mutating func random() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }

    mutating func below(_ bound: Int) -> Int { Int(random() % UInt64(bound)) }

    /// The next string: random bytes, or a packet (often behind a CONNECT) that was damaged.
    mutating func next(connect: [UInt8]) -> [UInt8] {
        switch below(4) {
        case 0: return bytes(1 + below(64))
        case 1: return damaged(samples[below(samples.count)])
        default:
            var packets = connect
            for _ in 0...below(4) {
                packets +=
                    below(3) == 0 ? bytes(1 + below(32)) : damaged(samples[below(samples.count)])
            }
            return packets
        }
    }

    private mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: random()) }
    }

    /// A copy with up to three bytes changed, removed or put in, or with its end cut off.
    private mutating func damaged(_ packet: [UInt8]) -> [UInt8] {
        var packet = packet
        for _ in 0..<below(4) where !packet.isEmpty {
            let place = below(packet.count)
            switch below(5) {
            case 0: packet[place] = UInt8(truncatingIfNeeded: random())
            case 1: packet[place] ^= 1 << UInt8(below(8))
            case 2: packet.remove(at: place)
            case 3: packet.insert(UInt8(truncatingIfNeeded: random()), at: place)
            default: packet.removeLast(packet.count - place)
            }
        }
        return packet
    }
}
