import Bytes

/// A JSON object as a token has it (RFC 8259): members by name, of which only the kinds of values are kept that tokens need.
///
/// Strict: a member that is there twice, what is no JSON, and values in more than `depthMaximum` levels make it no object.
/// That also keeps two readers of one token from understanding two things.
struct TokenObject {
    enum Value: Equatable {
        case text(String)
        case number(Double)

        /// A list of texts alone.
        case texts([String])

        /// Anything else, checked and passed over.
        case other
    }

    let members: [String: Value]

    /// Levels of objects and lists, the outermost counted.
    static let depthMaximum = 8

    /// `nil` when the bytes are not one object.
    init?(_ bytes: [UInt8]) {
        var parser = TokenParser(bytes)
        parser.skipSpace()
        guard let members = parser.object(depth: 1), parser.isAtEnd else { return nil }
        self.members = members
    }

    /// `nil` when it is missing, or no text.
    func text(_ name: String) -> String? {
        if case .text(let text)? = members[name] { text } else { nil }
    }
}

private struct TokenParser {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool {
        mutating get {
            skipSpace()
            return position == bytes.count
        }
    }

    mutating func object(depth: Int) -> [String: TokenObject.Value]? {
        guard depth <= TokenObject.depthMaximum, skip("{") else { return nil }
        var members: [String: TokenObject.Value] = [:]
        skipSpace()
        if skip("}") { return members }
        repeat {
            skipSpace()
            guard let name = text(), members[name] == nil else { return nil }
            skipSpace()
            guard skip(":"), let value = value(depth: depth) else { return nil }
            members[name] = value
            skipSpace()
        } while skip(",")
        return skip("}") ? members : nil
    }

    private mutating func list(depth: Int) -> TokenObject.Value? {
        guard depth <= TokenObject.depthMaximum, skip("[") else { return nil }
        var texts: [String]? = []
        skipSpace()
        if skip("]") { return .texts([]) }
        repeat {
            guard let value = value(depth: depth) else { return nil }
            if case .text(let text) = value { texts?.append(text) } else { texts = nil }
            skipSpace()
        } while skip(",")
        guard skip("]") else { return nil }
        return texts.map { .texts($0) } ?? .other
    }

    private mutating func value(depth: Int) -> TokenObject.Value? {
        skipSpace()
        guard position < bytes.count else { return nil }
        switch bytes[position] {
        case UInt8(ascii: "{"): return object(depth: depth + 1).map { _ in .other }
        case UInt8(ascii: "["): return list(depth: depth + 1)
        case UInt8(ascii: "\""): return text().map { .text($0) }
        case UInt8(ascii: "t"): return skip("true") ? .other : nil
        case UInt8(ascii: "f"): return skip("false") ? .other : nil
        case UInt8(ascii: "n"): return skip("null") ? .other : nil
        default: return number()
        }
    }

    /// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
    private mutating func number() -> TokenObject.Value? {
        let start = position
        _ = skip("-")
        if !skip("0") { guard skipDigits() else { return nil } }
        if skip(".") { guard skipDigits() else { return nil } }
        if skip("e") || skip("E") {
            if !skip("+") { _ = skip("-") }
            guard skipDigits() else { return nil }
        }
        guard let number = Double(String(decoding: bytes[start..<position], as: UTF8.self)),
            number.isFinite
        else { return nil }
        return .number(number)
    }

    /// Whether there was one at least.
    private mutating func skipDigits() -> Bool {
        let start = position
        while position < bytes.count,
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position])
        {
            position += 1
        }
        return position > start
    }

    private mutating func text() -> String? {
        guard skip("\"") else { return nil }
        var units: [UInt8] = []
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return String(validating: units, as: UTF8.self)
            case UInt8(ascii: "\\"):
                guard let scalar = escaped() else { return nil }
                units.append(contentsOf: Array(String(Character(scalar)).utf8))
            case 0..<0x20: return nil
            default: units.append(byte)
            }
        }
        return nil
    }

    private mutating func escaped() -> Unicode.Scalar? {
        guard position < bytes.count else { return nil }
        let byte = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            guard let high = unit() else { return nil }
            guard (0xD800..<0xDC00).contains(high) else { return Unicode.Scalar(high) }
            guard skip("\\u"), let low = unit(), (0xDC00..<0xE000).contains(low) else {
                return nil
            }
            return Unicode.Scalar(0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00))
        default: return nil
        }
    }

    /// Four hexadecimal digits.
    private mutating func unit() -> UInt32? {
        guard position + 4 <= bytes.count else { return nil }
        var value: UInt32 = 0
        for byte in bytes[position..<position + 4] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
                return nil
            }
            value = value << 4 | UInt32(digit)
        }
        position += 4
        return value
    }

    mutating func skipSpace() {
        while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) {
            position += 1
        }
    }

    private mutating func skip(_ word: StaticString) -> Bool {
        guard bytes.span.extracting(position..<bytes.count).hasPrefix(word) else { return false }
        position += word.utf8CodeUnitCount
        return true
    }
}
