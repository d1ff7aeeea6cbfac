// The text of HTTP's fields (RFC 9110, 5), as bytes.
extension Span where Element == UInt8 {
    /// Whether both are the same text; letters of ASCII count as equal in either case.
    func isEqualIgnoringCase(to other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        for index in indices where self[index].lowercased != other[index].lowercased {
            return false
        }
        return true
    }

    func hasPrefixIgnoringCase(_ prefix: Span<UInt8>) -> Bool {
        guard count >= prefix.count else { return false }
        return extracting(0..<prefix.count).isEqualIgnoringCase(to: prefix)
    }

    /// Whether it is the text; letters of ASCII count as equal in either case.
    func isEqualIgnoringCase(to text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        // Safe: a static string's bytes are there for ever, as many as it says.
        let other = unsafe Span(_unsafeStart: text.utf8Start, count: text.utf8CodeUnitCount)
        return isEqualIgnoringCase(to: other)
    }

    func isEqual(to text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        // Safe: a static string's bytes are there for ever, as many as it says.
        let other = unsafe Span(_unsafeStart: text.utf8Start, count: text.utf8CodeUnitCount)
        for index in indices where self[index] != other[index] { return false }
        return true
    }

    /// Where the text without blanks around it is.
    func trimmed(_ range: Range<Int>) -> Range<Int> {
        var (start, end) = (range.lowerBound, range.upperBound)
        while start < end, self[start].isBlank { start += 1 }
        while end > start, self[end - 1].isBlank { end -= 1 }
        return start..<end
    }

    /// Whether one of the elements of a list with commas (RFC 9110, 5.6.1) is the token.
    func listContains(_ token: StaticString, ignoringCase: Bool) -> Bool {
        var start = 0
        while start <= count {
            var end = start
            while end < count, self[end] != UInt8(ascii: ",") { end += 1 }
            let element = extracting(trimmed(start..<end))
            let isFound =
                ignoringCase
                ? element.isEqualIgnoringCase(to: token) : element.isEqual(to: token)
            if isFound { return true }
            start = end + 1
        }
        return false
    }
}

extension UInt8 {
    var lowercased: UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self | 0x20 : self
    }

    var isBlank: Bool { self == UInt8(ascii: " ") || self == UInt8(ascii: "\t") }

    /// A character of a token (RFC 9110, 5.6.2).
    var isTokenCharacter: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(self)
        }
    }

    /// A character of a field's value (RFC 9110, 5.5): visible, a blank, or beyond ASCII.
    var isFieldCharacter: Bool { isBlank || (self > 0x20 && self != 0x7F) }
}
