import Bytes
import Randomness
import Testing

@testable import WebSocket

@Suite("Frames, random")
struct FuzzTests {
    @Test("random messages in random fragments, cuts and flushes: what was sent comes out")
    func streams() {
        for seed in UInt64(0)..<60 {
            var random = SplitMix64(seed: seed)
            var expected: [UInt8] = []
            var pongs: [[UInt8]] = []
            var wire: [UInt8] = []
            for _ in 0..<Int.random(in: 1...20, using: &random) {
                message(&random, &wire, &expected, &pongs)
            }
            var peer = Peer()
            var start = 0
            while start < wire.count {
                let size = Int.random(
                    in: 1...Int.random(in: 1...2_000, using: &random), using: &random)
                let end = min(start + size, wire.count)
                let carried = [UInt8](repeating: 7, count: Int.random(in: 0...9, using: &random))
                peer.receive(Array(wire[start..<end]), carried: carried)
                start = end
            }
            #expect(peer.session.state == .open, "seed \(seed)")
            #expect(peer.payload == expected, "seed \(seed)")
            let answers = pongs.flatMap { ping -> [UInt8] in [0x8A, UInt8(ping.count)] + ping }
            #expect(peer.answer == answers, "seed \(seed)")
        }
    }

    /// One message in fragments, with Pings between them.
    private func message(
        _ random: inout SplitMix64,
        _ wire: inout [UInt8],
        _ expected: inout [UInt8],
        _ pongs: inout [[UInt8]]
    ) {
        let fragments = Int.random(in: 1...4, using: &random)
        for number in 0..<fragments {
            let limit = Bool.random(using: &random) ? 20 : 7_000
            let count = Int.random(in: 0...limit, using: &random)
            let payload = (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &random) }
            let mask = (0..<4).map { _ in UInt8.random(in: .min ... .max, using: &random) }
            wire +=
                ClientFrame(
                    isFinal: number == fragments - 1, opcode: number == 0 ? 2 : 0, mask: mask,
                    payload: payload
                ).bytes
            expected += payload
            guard Bool.random(using: &random) else { continue }
            let ping = (0..<Int.random(in: 0...125, using: &random)).map { UInt8($0) }
            wire += ClientFrame(opcode: 9, mask: mask, payload: ping).bytes
            pongs.append(ping)
        }
    }

    @Test("random bytes never trap, and are judged the same however they are cut")
    func noise() {
        for seed in UInt64(0)..<4_000 {
            var random = SplitMix64(seed: seed)
            var wire = ClientFrame.binary([1, 2, 3]).bytes
            let noise = (0..<Int.random(in: 0...200, using: &random)).map { _ in
                UInt8.random(in: .min ... .max, using: &random)
            }
            // A first byte of a frame that there is, for every other one.
            if Bool.random(using: &random) {
                wire.append(
                    [0x82, 0x02, 0x80, 0x00, 0x88, 0x89, 0x8A].randomElement(using: &random) ?? 0)
            }
            wire += noise
            var whole = Peer()
            whole.receive(wire)
            var cut = Peer()
            var start = 0
            while start < wire.count {
                let end = min(start + Int.random(in: 1...9, using: &random), wire.count)
                cut.receive(Array(wire[start..<end]))
                start = end
            }
            #expect(whole.session.state == cut.session.state, "seed \(seed)")
            #expect(whole.payload == cut.payload, "seed \(seed)")
            #expect(
                whole.answer == cut.answer, "seed \(seed)")
        }
    }

    @Test("damaged handshakes never trap, and are judged the same however they are cut")
    func handshakes() {
        for seed in UInt64(0)..<1_500 {
            var random = SplitMix64(seed: seed)
            var wire = Request().adding("Origin", "http://gateway.example").bytes
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                let place = Int.random(in: 0..<wire.count, using: &random)
                switch Int.random(in: 0...3, using: &random) {
                case 0: wire[place] = UInt8.random(in: .min ... .max, using: &random)
                case 1: wire.remove(at: place)
                case 2: wire.insert(UInt8.random(in: .min ... .max, using: &random), at: place)
                default:
                    let byte = [13, 10, 32, 9, 58, 44, 0].randomElement(using: &random) ?? 0
                    wire.insert(UInt8(byte), at: place)
                }
            }
            var whole = Peer(isOpen: false)
            whole.receive(wire)
            var cut = Peer(isOpen: false)
            var start = 0
            while start < wire.count {
                let end = min(start + Int.random(in: 1...50, using: &random), wire.count)
                cut.receive(Array(wire[start..<end]))
                start = end
            }
            #expect(whole.session.state == cut.session.state, "seed \(seed)")
            #expect(whole.text == cut.text, "seed \(seed)")
        }
    }
}
