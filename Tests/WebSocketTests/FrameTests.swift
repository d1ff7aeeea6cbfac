import Bytes
import Testing

@testable import WebSocket

@Suite("Frames")
struct FrameTests {
    private func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
    }

    @Test(
        "a payload of any length comes out unmasked, behind what was carried",
        arguments: [
            0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 125, 126, 127, 1_000, 65_535, 65_536, 100_000,
        ]
    )
    func lengths(count: Int) {
        for carried in [[], [9, 9, 9]] as [[UInt8]] {
            var peer = Peer()
            let frame = ClientFrame.binary(bytes(count)).bytes
            #expect(peer.receive(frame, carried: carried) == bytes(count))
            #expect(peer.session.state == .open)
        }
    }

    @Test(
        "[MQTT-6.0.0-2]: frames are cut anywhere, shared and spanned; the payload is one stream",
        arguments: [1, 2, 3, 5, 13, 14, 15, 64, 1_000])
    func cuts(size: Int) {
        var wire: [UInt8] = []
        var expected: [UInt8] = []
        for count in [3, 0, 1, 126, 70_000, 9, 65_535] {
            wire += ClientFrame(mask: bytes(count + 4).suffix(4), payload: bytes(count)).bytes
            expected += bytes(count)
        }
        var peer = Peer()
        for start in stride(from: 0, to: wire.count, by: size) {
            peer.receive(Array(wire[start..<min(start + size, wire.count)]))
        }
        #expect(peer.payload == expected)
        #expect(peer.session.state == .open)
        var whole = Peer()
        #expect(whole.receive(wire) == expected)
    }

    @Test("RFC 6455, 5.4: a fragmented message, with control frames between its fragments")
    func fragments() {
        var peer = Peer()
        peer.receive(ClientFrame.binary([1, 2], isFinal: false).bytes)
        peer.receive(ClientFrame.control(9, [7]).bytes)
        peer.receive(ClientFrame.continuation([], isFinal: false).bytes)
        peer.receive(ClientFrame.control(10, [8]).bytes)
        peer.receive(ClientFrame.continuation([3]).bytes)
        peer.receive(ClientFrame.binary([4]).bytes)
        #expect(peer.payload == [1, 2, 3, 4])
        #expect(peer.session.state == .open)
        #expect(peer.answer == [0x8A, 1, 7])
    }

    @Test("RFC 6455, 5.5.3: each Ping is answered with a Pong that carries the same")
    func pings() {
        for count in [0, 1, 125] {
            for size in [1, 4, 200] {
                var peer = Peer()
                let wire = ClientFrame.control(9, bytes(count)).bytes
                for start in stride(from: 0, to: wire.count, by: size) {
                    peer.receive(Array(wire[start..<min(start + size, wire.count)]))
                }
                #expect(peer.answer == [0x8A, UInt8(count)] + bytes(count))
                #expect(peer.payload.isEmpty)
            }
        }
    }

    @Test(
        "every violation ends the WebSocket with its code",
        arguments: [
            ([ClientFrame(reserved: 4)], FrameViolation.reservedBits, 1_002),
            ([ClientFrame(reserved: 2)], .reservedBits, 1_002),
            ([ClientFrame(reserved: 1)], .reservedBits, 1_002),
            ([ClientFrame(reserved: 1, opcode: 9)], .reservedBits, 1_002),
            ([ClientFrame(isMasked: false, payload: [1])], .unmasked, 1_002),
            ([ClientFrame(opcode: 9, isMasked: false)], .unmasked, 1_002),
            ([ClientFrame(opcode: 1, payload: [65])], .textFrame, 1_003),
            ([ClientFrame(isFinal: false, opcode: 1, payload: [65])], .textFrame, 1_003),
            ([ClientFrame(isFinal: false, opcode: 9)], .fragmentedControlFrame, 1_002),
            ([ClientFrame(isFinal: false, opcode: 8)], .fragmentedControlFrame, 1_002),
            (
                [.control(9, [UInt8](repeating: 0, count: 126))], .controlFrameTooLong, 1_002
            ),
            ([ClientFrame(opcode: 10, lengthBits: 64)], .controlFrameTooLong, 1_002),
            ([.continuation([1])], .nothingToContinue, 1_002),
            ([.binary([1]), .continuation([2])], .nothingToContinue, 1_002),
            ([.binary([1], isFinal: false), .binary([2])], .messageInMessage, 1_002),
            (
                [
                    .binary([1], isFinal: false), .continuation([2], isFinal: false),
                    .binary([2], isFinal: false),
                ], .messageInMessage, 1_002
            ),
            ([ClientFrame(payload: [1], lengthBits: 16)], .lengthNotMinimal, 1_002),
            (
                [ClientFrame(lengthBits: 16, announced: 125)], .lengthNotMinimal, 1_002
            ),
            ([ClientFrame(lengthBits: 64, announced: 65_535)], .lengthNotMinimal, 1_002),
            ([ClientFrame(lengthBits: 64, announced: 1 << 63)], .lengthNotMinimal, 1_002),
            ([ClientFrame(lengthBits: 64, announced: .max)], .lengthNotMinimal, 1_002),
            ([ClientFrame(announced: 262_145)], .frameTooLarge, 1_009),
            ([ClientFrame(announced: (1 << 63) - 1)], .frameTooLarge, 1_009),
            ([.control(8, [3])], .closeCode, 1_002),
            ([.close(999)], .closeCode, 1_002),
            ([.close(1_004)], .closeCode, 1_002),
            ([.close(1_005)], .closeCode, 1_002),
            ([.close(1_006)], .closeCode, 1_002),
            ([.close(1_015)], .closeCode, 1_002),
            ([.close(1_016)], .closeCode, 1_002),
            ([.close(2_999)], .closeCode, 1_002),
            ([.close(5_000)], .closeCode, 1_002),
            ([.close(1_000, [0xC3])], .closeReason, 1_007),
        ] as [([ClientFrame], FrameViolation, UInt16)]
    )
    func violations(frames: [ClientFrame], violation: FrameViolation, code: UInt16) {
        let wire = [.binary([5])] + frames
        // Also byte by byte: the violation does not depend on how the bytes come.
        for size in [1, 1_000] {
            var peer = Peer()
            let all = wire.flatMap(\.bytes) + ClientFrame.binary([6]).bytes
            for start in stride(from: 0, to: all.count, by: size) {
                peer.receive(Array(all[start..<min(start + size, all.count)]))
            }
            #expect(peer.session.state == .failed(violation))
            #expect(peer.payload.first == 5)
            #expect(!peer.payload.contains(6))
            peer.session.close(.normal, output: &peer.output)
            let expected: [UInt8] = [0x88, 2, UInt8(code >> 8), UInt8(code & 255)]
            #expect(peer.answer == expected)
        }
    }

    @Test(
        "RFC 6455, 5.2: opcodes without a meaning", arguments: [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
    func unknownOpcodes(opcode: UInt8) {
        var peer = Peer()
        peer.receive(ClientFrame(opcode: opcode).bytes)
        #expect(peer.session.state == .failed(.unknownOpcode))
    }

    @Test("a rule is checked with the first byte that can break it")
    func earliest() {
        for (bytes, violation) in [
            ([0xC2], .reservedBits), ([0x83], .unknownOpcode), ([0x81], .textFrame),
            ([0x09], .fragmentedControlFrame), ([0x82, 0x05], .unmasked),
            ([0x89, 0xFE], .controlFrameTooLong),
            ([0x82, 0xFF, 0, 0, 0, 0, 0, 4, 0, 1], .frameTooLarge),
        ] as [([UInt8], FrameViolation)] {
            var peer = Peer()
            peer.receive(Array(bytes.dropLast()))
            #expect(peer.session.state == .open)
            peer.receive([bytes[bytes.count - 1]])
            #expect(peer.session.state == .failed(violation))
        }
    }

    @Test("RFC 6455, 5.5.1: the client's Close is answered with its code, or without one")
    func closedByPeer() {
        for (frame, answer) in [
            (ClientFrame.close(1_000, Array("bye".utf8)), [0x88, 2, 0x03, 0xE8]),
            (.close(1_001), [0x88, 2, 0x03, 0xE9]), (.close(4_999), [0x88, 2, 0x13, 0x87]),
            (.control(8), [0x88, 0]),
        ] as [(ClientFrame, [UInt8])] {
            var peer = Peer()
            let wire = ClientFrame.binary([1]).bytes + frame.bytes + ClientFrame.binary([2]).bytes
            #expect(peer.receive(wire) == [1])
            peer.receive(ClientFrame.binary([3]).bytes)
            #expect(peer.payload == [1])
            peer.session.close(.policyViolation, output: &peer.output)
            #expect(peer.answer == answer)
            #expect(peer.session.state == .ended)
            peer.session.close(.normal, output: &peer.output)
            #expect(peer.answer.count == answer.count)
        }
    }

    @Test("no Close frame before the handshake is complete, or after it was refused")
    func noCloseBeforeOpen() {
        var peer = Peer(isOpen: false)
        peer.session.close(.goingAway, output: &peer.output)
        #expect(peer.answer.isEmpty)
        peer.receive([0x10])
        let answer = peer.output.count
        peer.session.close(.goingAway, output: &peer.output)
        #expect(peer.answer.count == answer)
    }

    @Test(
        "[MQTT-6.0.0-1]: what was written since the last flush is one binary frame",
        arguments: [
            (1, [0x82, 1]), (125, [0x82, 125]), (126, [0x82, 126, 0, 126]),
            (65_535, [0x82, 126, 0xFF, 0xFF]), (65_536, [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] as [(Int, [UInt8])]
    )
    func wrapping(count: Int, header: [UInt8]) {
        var peer = Peer()
        peer.output.append(bytes(count).span)
        peer.session.wrap(&peer.output)
        #expect(peer.answer == header + bytes(count))
        peer.session.wrap(&peer.output)
        #expect(peer.answer.count == header.count + count)
    }

    @Test("what a full socket leaves behind is not framed again; a Pong comes between frames")
    func partlySent() {
        var peer = Peer()
        var wire: [UInt8] = []
        peer.output.append([1, 2, 3].span)
        peer.session.wrap(&peer.output)
        wire += peer.answer.prefix(2)
        peer.output.removeFirst(2)
        peer.session.noteSent(waiting: peer.output.count)
        peer.output.append([4].span)
        peer.receive(ClientFrame.control(9, [0xAA]).bytes)
        peer.output.append([5].span)
        peer.session.wrap(&peer.output)
        wire += peer.answer
        #expect(wire == [0x82, 3, 1, 2, 3, 0x82, 1, 4, 0x8A, 1, 0xAA, 0x82, 1, 5])
    }

    @Test("nothing is allocated by a declared length")
    func noAllocation() {
        var peer = Peer()
        peer.frameLimit = 1 << 40
        peer.receive(ClientFrame(announced: 1 << 40).bytes)
        #expect(peer.session.state == .open)
        #expect(peer.payload.isEmpty)
    }
}
