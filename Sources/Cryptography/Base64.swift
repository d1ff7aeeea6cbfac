public import Bytes

/// Bytes as Base64: the standard alphabet, padded (RFC 4648, 4). Not for secrets' comparison: it branches by its input.
public enum Base64 {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// What such a text looks like, as a regular expression.
    public static let form = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)?$"

    /// Appends four characters for each three bytes, and for what is left over.
    public static func append(_ bytes: Span<UInt8>, to buffer: inout ByteBuffer) {
        buffer.reserve((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let count = min(3, bytes.count - start)
            var bits = 0
            for index in start..<start + count { bits = bits << 8 | Int(bytes[index]) }
            bits <<= 8 * (3 - count)
            for place in 0..<4 {
                buffer.append(
                    place <= count ? alphabet[bits >> (18 - 6 * place) & 63] : UInt8(ascii: "="))
            }
        }
    }

    public static func encoded(_ bytes: [UInt8]) -> String {
        var buffer = ByteBuffer()
        append(bytes.span, to: &buffer)
        return String(decoding: buffer.span.bytesArray, as: UTF8.self)
    }

    /// `nil` when the text is not of that form; bits behind the last byte are not looked at.
    public static func decoded(_ text: Span<UInt8>) -> [UInt8]? {
        guard text.count.isMultiple(of: 4) else { return nil }
        var length = text.count
        while length > 0, text.count - length < 2, text[length - 1] == UInt8(ascii: "=") {
            length -= 1
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 4 * 3)
        var bits: UInt32 = 0
        var count: UInt32 = 0
        for index in 0..<length {
            guard let value = value(of: text[index]) else { return nil }
            bits = bits << 6 | value
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> count))
            }
        }
        return bytes
    }

    public static func decoded(_ text: String) -> [UInt8]? { decoded(Array(text.utf8).span) }

    static func value(of digit: UInt8) -> UInt32? {
        switch digit {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(digit) - 65
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(digit) - 71
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(digit) + 4
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
