internal import Bytes

/// A client's side of a WebSocket (RFC 6455): the answer to its handshake, and frames.
enum ClientFrame {
    enum Kind: UInt8 {
        case continuation = 0
        case binary = 2
        case close = 8
        case ping = 9
        case pong = 10
    }

    /// One for all connections, as is the mask: they are there so that proxies are not misled, which a load test's are
    /// not (10.3). The key is the standard's example.
    static let key = "dGhlIHNhbXBsZSBub25jZQ=="
    private static let acceptance = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    private static let mask: UInt32 = 0x5A3C_96E1

    /// The most that a frame's content may have, in bytes.
    private static let maximum = 1 << 24
    private static let headMaximum = 16_384

    enum Answer {
        case incomplete
        /// The head's length.
        case accepted(Int)
        case refused(String)
    }

    static func answer(in bytes: Span<UInt8>) -> Answer {
        var end = 3
        while end < bytes.count, !isEnd(bytes, end) { end += 1 }
        guard end < bytes.count else {
            return bytes.count > headMaximum ? .refused("an endless head") : .incomplete
        }
        let head = bytes.extracting(0..<end + 1).text ?? ""
        guard head.hasPrefix("HTTP/1.1 101") else {
            return .refused(String(head.prefix { $0 != "\r\n" }))
        }
        guard head.contains(acceptance) else {
            return .refused("its answer does not belong to our key")
        }
        return .accepted(end + 1)
    }

    private static func isEnd(_ bytes: Span<UInt8>, _ index: Int) -> Bool {
        bytes[index] == 10 && bytes[index - 1] == 13 && bytes[index - 2] == 10
            && bytes[index - 3] == 13
    }

    enum Frame {
        case incomplete
        case frame(Kind, head: Int, total: Int)
        case broken(String)
    }

    /// The frame at the start of `bytes` (5.2).
    static func next(in bytes: Span<UInt8>) -> Frame {
        guard bytes.count >= 2 else { return .incomplete }
        guard let kind = Kind(rawValue: bytes[0] & 15), bytes[0] & 0x70 == 0 else {
            return .broken("a frame of an unknown kind")
        }
        guard bytes[1] & 128 == 0 else { return .broken("a masked frame of the server") }
        let mark = Int(bytes[1])
        let lengthBytes = mark == 126 ? 2 : mark == 127 ? 8 : 0
        let head = 2 + lengthBytes
        guard bytes.count >= head else { return .incomplete }
        var length = lengthBytes == 0 ? mark : 0
        for index in 2..<head {
            guard length < 1 << 40 else { return .broken("a frame without end") }
            length = length << 8 | Int(bytes[index])
        }
        guard length <= maximum else { return .broken("a frame of more than 16 MB") }
        return bytes.count < head + length
            ? .incomplete : .frame(kind, head: head, total: head + length)
    }

    /// Appends a whole frame, masked as those of clients are.
    static func append(_ kind: Kind, _ content: Span<UInt8>, to buffer: inout ByteBuffer) {
        buffer.append(128 | kind.rawValue)
        if content.count < 126 {
            buffer.append(128 | UInt8(content.count))
        } else if content.count < 65_536 {
            buffer.append(128 | 126 as UInt8)
            buffer.append(UInt16(content.count))
        } else {
            buffer.append(128 | 127 as UInt8)
            buffer.append(UInt64(content.count))
        }
        buffer.append(mask)
        buffer.reserve(content.count)
        for index in content.indices {
            let shift = UInt32(24 - 8 * (index & 3))
            buffer.append(content[index] ^ UInt8(truncatingIfNeeded: mask >> shift))
        }
    }
}
