/// Bytes as Base64 for URLs: `-` and `_`, and no padding (RFC 4648, 5; RFC 7515, 2).
public enum Base64URL {
    /// `nil` unless the text is what `encoded` makes of some bytes: nothing else stands for the same bytes.
    public static func decoded(_ text: Span<UInt8>) -> [UInt8]? {
        guard text.count % 4 != 1 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 4 * 3 + 2)
        var bits: UInt32 = 0
        var count: UInt32 = 0
        for index in text.indices {
            guard let value = value(of: text[index]) else { return nil }
            bits = bits << 6 | value
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> count))
                bits &= (1 << count) - 1
            }
        }
        return bits == 0 ? bytes : nil
    }

    public static func decoded(_ text: String) -> [UInt8]? { decoded(Array(text.utf8).span) }

    public static func encoded(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        for digit in Base64.encoded(bytes).utf8 {
            switch digit {
            case UInt8(ascii: "+"): text.append(UInt8(ascii: "-"))
            case UInt8(ascii: "/"): text.append(UInt8(ascii: "_"))
            case UInt8(ascii: "="): break
            default: text.append(digit)
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static func value(of digit: UInt8) -> UInt32? {
        switch digit {
        case UInt8(ascii: "-"): 62
        case UInt8(ascii: "_"): 63
        case UInt8(ascii: "+"), UInt8(ascii: "/"): nil
        default: Base64.value(of: digit)
        }
    }
}
