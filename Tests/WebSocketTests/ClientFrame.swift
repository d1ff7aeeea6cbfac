import Bytes

@testable import WebSocket

/// A client's frame, byte by byte as RFC 6455, 5.2 draws it; every part can be wrong.
struct ClientFrame {
    var isFinal = true
    var reserved: UInt8 = 0
    var opcode: UInt8 = 2
    var isMasked = true
    var mask: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]
    var payload: [UInt8] = []

    /// Bits of the length: 7, 16 or 64; the shortest when it is not said.
    var lengthBits: Int?

    /// What is announced, when that is not the payload's length.
    var announced: UInt64?

    static func binary(_ payload: [UInt8], isFinal: Bool = true) -> ClientFrame {
        ClientFrame(isFinal: isFinal, payload: payload)
    }

    static func continuation(_ payload: [UInt8], isFinal: Bool = true) -> ClientFrame {
        ClientFrame(isFinal: isFinal, opcode: 0, payload: payload)
    }

    static func control(_ opcode: UInt8, _ payload: [UInt8] = []) -> ClientFrame {
        ClientFrame(opcode: opcode, payload: payload)
    }

    static func close(_ code: UInt16, _ reason: [UInt8] = []) -> ClientFrame {
        control(8, [UInt8(code >> 8), UInt8(code & 255)] + reason)
    }

    var bytes: [UInt8] {
        let length = announced ?? UInt64(payload.count)
        let bits = lengthBits ?? (length <= 125 ? 7 : length <= 65_535 ? 16 : 64)
        var bytes = [(isFinal ? 0x80 : 0) | reserved << 4 | opcode]
        let masked: UInt8 = isMasked ? 0x80 : 0
        switch bits {
        case 7: bytes.append(masked | UInt8(length))
        case 16: bytes += [masked | 126, UInt8(length >> 8 & 255), UInt8(length & 255)]
        default:
            bytes.append(masked | 127)
            bytes += (0..<8).map { UInt8(truncatingIfNeeded: length >> UInt64(56 - 8 * $0)) }
        }
        guard isMasked else { return bytes + payload }
        return bytes + mask + payload.enumerated().map { $1 ^ mask[$0 & 3] }
    }
}
