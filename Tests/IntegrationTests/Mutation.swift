import Randomness

/// Random bytes and damaged packets, the same ones for the same seed.
struct Mutation {
    private var numbers: SplitMix64
    private let samples: [[UInt8]]

    init(seed: UInt64, samples: [[UInt8]]) {
        numbers = SplitMix64(seed: seed)
        self.samples = samples
    }

    mutating func random() -> UInt64 { numbers.next() }

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
