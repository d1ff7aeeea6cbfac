import Bytes
import Cryptography

/// `Sec-WebSocket-Key`, and what a server answers to it (RFC 6455, 1.3 and 4.2.2).
enum HandshakeKey {
    /// Whether it is 16 bytes in base64: 22 characters and two of padding.
    static func isValid(_ key: Span<UInt8>) -> Bool {
        guard key.count == 24, key[22] == UInt8(ascii: "="), key[23] == UInt8(ascii: "=") else {
            return false
        }
        for index in 0..<22 where !isBase64(key[index]) { return false }
        return true
    }

    private static func isBase64(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
            true
        default: false
        }
    }

    /// Appends the value of `Sec-WebSocket-Accept`: base64 of the SHA-1 of the key and the RFC's GUID.
    static func appendAnswer(to key: Span<UInt8>, into buffer: inout ByteBuffer) {
        var message = ByteBuffer(capacity: 60)
        message.append(key)
        message.append(utf8: "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
        let digest = SHA1.hash(message.span)
        let alphabet = Array(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        // 20 bytes are six groups of three, and one of two.
        for group in 0..<7 {
            let third = group < 6 ? digest[group * 3 + 2] : 0
            let bits =
                Int(digest[group * 3]) << 16 | Int(digest[group * 3 + 1]) << 8 | Int(third)
            for place in 0..<(group < 6 ? 4 : 3) {
                buffer.append(alphabet[bits >> (18 - 6 * place) & 63])
            }
        }
        buffer.append(UInt8(ascii: "="))
    }
}
