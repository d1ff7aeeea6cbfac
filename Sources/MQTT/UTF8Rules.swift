/// What MQTT asks of a string (1.5.4): well-formed UTF-8, so no surrogates, and no U+0000.
///
/// Control characters and noncharacters are allowed, as 1.5.4 leaves them to the receiver, and a
/// byte order mark is a character like any other [MQTT-1.5.4-3].
public enum UTF8Rules {
    /// The rule that `bytes` break, or nil. Eight bytes at a time while they are ASCII.
    @inlinable
    public static func violation(in bytes: Span<UInt8>) -> Violation? {
        isPlainASCII(bytes, forbiddingWildcards: false) ? nil : violationCharacterwise(in: bytes)
    }

    /// Whether every byte is from 0x01 to 0x7F and, if so asked, neither `+` nor `#`.
    @inlinable
    @inline(__always)
    static func isPlainASCII(_ bytes: Span<UInt8>, forbiddingWildcards: Bool) -> Bool {
        let count = bytes.count
        guard count >= 8 else {
            for index in bytes.indices {
                let byte = bytes[index]
                if byte == 0 || byte >= 0x80 { return false }
                if forbiddingWildcards && (byte == 0x2B || byte == 0x23) { return false }
            }
            return true
        }
        // Safe: bytes have no padding, so that any of them can be read as part of a word; loads are
        // checked.
        let raw = unsafe bytes.bytes
        var highBits: UInt64 = 0
        var offset = 0
        while offset <= count - 8 {
            let word = unsafe raw.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
            highBits |= suspects(in: word, forbiddingWildcards)
            offset += 8
        }
        // The last eight, some of which have been looked at before.
        let word = unsafe raw.unsafeLoadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
        highBits |= suspects(in: word, forbiddingWildcards)
        return highBits & 0x8080_8080_8080_8080 == 0
    }

    /// Has some byte's high bit set if and only if one of the eight is not plain.
    @inlinable
    @inline(__always)
    static func suspects(in word: UInt64, _ forbiddingWildcards: Bool) -> UInt64 {
        var suspects = word | lowered(word)
        if forbiddingWildcards {
            // `+` is 0x2B and `#` is 0x23: with bit 3 set they are the same, and nothing else is.
            suspects |= lowered((word | 0x0808_0808_0808_0808) ^ 0x2B2B_2B2B_2B2B_2B2B)
        }
        return suspects
    }

    /// Each byte less one. Of a word of ASCII some high bit is set if and only if a byte is zero: only
    /// a zero borrows from the byte above it.
    @inlinable
    @inline(__always)
    static func lowered(_ word: UInt64) -> UInt64 { word &- 0x0101_0101_0101_0101 }

    /// Whether `bytes` are well-formed UTF-8, U+0000 among it: what a payload may be (3.3.2.3.2).
    public static func isWellFormed(_ bytes: Span<UInt8>) -> Bool {
        var rest = bytes
        while true {
            guard let violation = violation(in: rest) else { return true }
            guard violation == .nullCharacter else { return false }
            // What is before the first U+0000 was well-formed.
            var index = 0
            while rest[index] != 0 { index += 1 }
            rest = rest.extracting(index + 1..<rest.count)
        }
    }

    /// The same rule, one character at a time (table 3-7 of the Unicode standard).
    @usableFromInline
    static func violationCharacterwise(in bytes: Span<UInt8>) -> Violation? {
        var index = 0
        while index < bytes.count {
            let lead = bytes[index]
            if lead == 0 { return .nullCharacter }
            if lead < 0x80 {
                index += 1
                continue
            }
            guard let size = sizeOfCharacter(lead), bytes.count - index >= size,
                secondByteRange(lead).contains(bytes[index + 1])
            else { return .illFormedString }
            for next in index + 1..<index + size where bytes[next] & 0xC0 != 0x80 {
                return .illFormedString
            }
            index += size
        }
        return nil
    }

    /// Bytes of a character of more than one, by its first byte.
    private static func sizeOfCharacter(_ lead: UInt8) -> Int? {
        switch lead {
        case 0xC2...0xDF: 2
        case 0xE0...0xEF: 3
        case 0xF0...0xF4: 4
        default: nil
        }
    }

    /// What the second byte can be: no overlong forms, no surrogates, nothing above U+10FFFF.
    private static func secondByteRange(_ lead: UInt8) -> ClosedRange<UInt8> {
        switch lead {
        case 0xE0: 0xA0...0xBF
        case 0xED: 0x80...0x9F
        case 0xF0: 0x90...0xBF
        case 0xF4: 0x80...0x8F
        default: 0x80...0xBF
        }
    }
}
