public import Bytes

/// Bytes as hexadecimal digits (RFC 4648, 8), without a branch or a table that depends on them.
public enum Hexadecimal {
    /// What `digit` (ASCII, either case) stands for, or 255.
    public static func value(ofDigit digit: UInt8) -> UInt8 {
        let character = Int16(digit)
        let lowered = character | 0x20
        // All ones where the character is in the range, else zero: the sign of a difference.
        let isDecimal = ~((character - 48) >> 15 | (57 - character) >> 15)
        let isLetter = ~((lowered - 97) >> 15 | (102 - lowered) >> 15)
        let value = isDecimal & (character - 48) | isLetter & (lowered - 87)
        return UInt8(truncatingIfNeeded: value | ~(isDecimal | isLetter))
    }

    /// The digit, in lower case, of a value below 16.
    static func digit(of value: UInt8) -> UInt8 {
        let number = Int16(value)
        // 39 digits lie between '9' and 'a', less one.
        return UInt8(truncatingIfNeeded: 48 + number + (39 & ((9 - number) >> 15)))
    }

    /// Appends two digits a byte, in lower case.
    public static func append(_ bytes: Span<UInt8>, to buffer: inout ByteBuffer) {
        buffer.reserve(2 * bytes.count)
        for index in bytes.indices {
            buffer.append(digit(of: bytes[index] >> 4))
            buffer.append(digit(of: bytes[index] & 15))
        }
    }

    /// Two digits a byte, in lower case.
    public static func text(of bytes: Span<UInt8>) -> String {
        unsafe String(unsafeUninitializedCapacity: 2 * bytes.count) { target in
            for index in bytes.indices {
                // Safe: the capacity is two digits a byte.
                unsafe target[2 * index] = digit(of: bytes[index] >> 4)
                unsafe target[2 * index + 1] = digit(of: bytes[index] & 15)
            }
            return 2 * bytes.count
        }
    }

    /// Appends the bytes that the digits, of either case, stand for. Answers false, having appended
    /// nothing, when there is an odd number of them or another character among them.
    public static func decode(_ digits: Span<UInt8>, into buffer: inout ByteBuffer) -> Bool {
        let before = buffer.count
        guard digits.count.isMultiple(of: 2) else { return false }
        buffer.reserve(digits.count / 2)
        var seen: UInt8 = 0
        for index in 0..<digits.count / 2 {
            let high = value(ofDigit: digits[2 * index])
            let low = value(ofDigit: digits[2 * index + 1])
            seen |= high | low
            buffer.append(high << 4 | low & 15)
        }
        if seen >= 16 { buffer.truncate(to: before) }
        return seen < 16
    }
}
