import Ledger

/// A JSON value (RFC 8259) whose objects keep the order of their members.
public enum JSON: Equatable, Sendable {
    case null
    case bool(Bool)
    case integer(Int64)

    /// The text of a number that is no `Int64`: as it was written, so that it is passed on as it came.
    case number(String)
    case text(String)
    case array([JSON])
    case object([Member])

    public struct Member: Equatable, Sendable {
        public let name: String
        public let value: JSON

        public init(name: String, value: JSON) {
            self.name = name
            self.value = value
        }
    }

    /// The value of the member of that name; `nil` when there is none, or this is no object.
    public subscript(name: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    public var text: String? { if case .text(let text) = self { text } else { nil } }
    public var integer: Int64? { if case .integer(let integer) = self { integer } else { nil } }
    public var bool: Bool? { if case .bool(let bool) = self { bool } else { nil } }
    public var array: [JSON]? { if case .array(let array) = self { array } else { nil } }
}

extension JSON: ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral {
    public init(dictionaryLiteral members: (String, JSON)...) {
        self = .object(members.map { Member(name: $0.0, value: $0.1) })
    }

    public init(arrayLiteral elements: JSON...) { self = .array(elements) }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByBooleanLiteral
{
    public init(stringLiteral text: String) { self = .text(text) }

    public init(integerLiteral integer: Int64) { self = .integer(integer) }

    public init(booleanLiteral bool: Bool) { self = .bool(bool) }
}

extension JSON {
    /// Text, or null.
    public init(_ text: (some CustomStringConvertible)?) {
        self = text.map { .text($0.description) } ?? .null
    }

    /// A whole number, or null. Numbers over 2^63 - 1 do not occur in the books.
    public init(_ integer: (some BinaryInteger)?) {
        self = integer.map { .integer(Int64(clamping: $0)) } ?? .null
    }

    /// A number; null for those that JSON does not have: infinity, and "not a number".
    public init(_ number: Double) {
        self = number.isFinite ? .number(String(number)) : .null
    }

    public init(_ bool: Bool) { self = .bool(bool) }
}

extension JSON {
    /// The value as compact JSON text.
    public var bytes: [UInt8] {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return bytes
    }

    private func append(to bytes: inout [UInt8]) {
        switch self {
        case .null: bytes.append(contentsOf: "null".utf8)
        case .bool(let bool): bytes.append(contentsOf: (bool ? "true" : "false").utf8)
        case .integer(let integer): bytes.append(contentsOf: String(integer).utf8)
        case .number(let text): bytes.append(contentsOf: text.utf8)
        case .text(let text): Self.append(quoted: text, to: &bytes)
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                element.append(to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let members):
            bytes.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                Self.append(quoted: member.name, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                member.value.append(to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    /// Control characters are escaped, those behind ASCII as well: JSON ends in terminals and logs.
    private static func append(quoted text: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        var isAfterC2 = false
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case UInt8(ascii: "\n"): bytes.append(contentsOf: "\\n".utf8)
            case 0..<0x20, 0x7F: append(escaped: byte, to: &bytes)
            case 0x80...0x9F where isAfterC2:
                // U+0080 to U+009F are C2 80 to C2 9F.
                bytes.removeLast()
                append(escaped: byte, to: &bytes)
            default: bytes.append(byte)
            }
            isAfterC2 = byte == 0xC2
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func append(escaped byte: UInt8, to bytes: inout [UInt8]) {
        let digits = Array("0123456789abcdef".utf8)
        bytes.append(contentsOf: "\\u00".utf8)
        bytes.append(digits[Int(byte >> 4)])
        bytes.append(digits[Int(byte & 15)])
    }
}

extension JSON {
    /// Why bytes are not read.
    enum Fault: Error, Equatable {
        /// They are not exactly one value of JSON text, or nested too deeply.
        case malformed
        case tooManyValues
        case nameTooLong
    }

    /// Of a member's name, in bytes: to compare strings, Swift sorts their combining marks, and a million of them would take
    /// minutes.
    static let nameMaximum = 256

    /// Reads one value of JSON text (RFC 8259); `nil` when the bytes are not exactly that.
    public init?(parsing bytes: [UInt8]) {
        do throws(Fault) {
            self = try JSON(bytes, upTo: .max)
        } catch {
            return nil
        }
    }

    /// The same. Stops at the first value that is too many, so that a body takes no more memory than its
    /// bytes and so many values.
    init(_ bytes: [UInt8], upTo valuesMaximum: Int) throws(Fault) {
        var reader = JSONReader(bytes: bytes, valuesLeft: valuesMaximum)
        self = try reader.value(depth: 0)
        guard reader.isAtEnd else { throw .malformed }
    }
}

private struct JSONReader {
    let bytes: [UInt8]

    /// Which may come still.
    var valuesLeft: Int
    var position = 0

    /// The deepest nesting of arrays and objects that is read.
    private static let depthMaximum = 64

    var isAtEnd: Bool {
        mutating get {
            skipSpace()
            return position == bytes.count
        }
    }

    private var byte: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D {
            position += 1
        }
    }

    private mutating func skip(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard byte == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func expect(_ character: Unicode.Scalar) throws(JSON.Fault) {
        guard skip(character) else { throw .malformed }
    }

    private mutating func word(_ word: String, _ value: JSON) throws(JSON.Fault) -> JSON {
        guard bytes[position...].starts(with: word.utf8) else { throw .malformed }
        position += word.utf8.count
        return value
    }

    mutating func value(depth: Int) throws(JSON.Fault) -> JSON {
        guard depth < Self.depthMaximum else { throw .malformed }
        guard valuesLeft > 0 else { throw .tooManyValues }
        valuesLeft -= 1
        skipSpace()
        switch byte {
        case UInt8(ascii: "{"): return try object(depth)
        case UInt8(ascii: "["): return try array(depth)
        case UInt8(ascii: "\""): return .text(try text())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    /// A name that occurs twice is refused: readers do not agree on which one counts.
    private mutating func object(_ depth: Int) throws(JSON.Fault) -> JSON {
        position += 1
        var members: [JSON.Member] = []
        // Of bytes: two names that Unicode calls equivalent are two names (RFC 8259, 8.3).
        var names: Set<[UInt8]> = []
        if skip("}") { return .object([]) }
        repeat {
            skipSpace()
            guard byte == UInt8(ascii: "\"") else { throw .malformed }
            let name = try text()
            guard name.utf8.count <= JSON.nameMaximum else { throw .nameTooLong }
            try expect(":")
            let value = try value(depth: depth + 1)
            guard names.insert(Array(name.utf8)).inserted else { throw .malformed }
            members.append(JSON.Member(name: name, value: value))
        } while skip(",")
        try expect("}")
        return .object(members)
    }

    private mutating func array(_ depth: Int) throws(JSON.Fault) -> JSON {
        position += 1
        var elements: [JSON] = []
        if skip("]") { return .array([]) }
        repeat { elements.append(try value(depth: depth + 1)) } while skip(",")
        try expect("]")
        return .array(elements)
    }

    private mutating func number() throws(JSON.Fault) -> JSON {
        guard let end = JSONNumber.end(in: bytes, from: position) else { throw .malformed }
        let text = String(decoding: bytes[position..<end], as: UTF8.self)
        position = end
        if let integer = Int64(text) { return .integer(integer) }
        guard let number = Double(text) else { throw .malformed }
        // `1.0` and `1e3` are whole numbers as well as `1` is, as long as a `Double` is exact.
        guard number.magnitude < Self.exactMagnitude, let integer = Int64(exactly: number) else {
            return .number(text)
        }
        return .integer(integer)
    }

    /// Up to here every whole number is a `Double`.
    private static var exactMagnitude: Double { 0x1p53 }

    private mutating func text() throws(JSON.Fault) -> String {
        position += 1
        let start = position
        while let byte, byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
            position += 1
        }
        var content = bytes[start..<position]
        while let byte, byte >= 0x20 {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: content, as: UTF8.self) else {
                    throw .malformed
                }
                return text
            case UInt8(ascii: "\\"):
                guard escape(into: &content) else { throw .malformed }
            default: content.append(byte)
            }
        }
        throw .malformed
    }

    private mutating func escape(into content: inout ArraySlice<UInt8>) -> Bool {
        guard let byte else { return false }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(byte)
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "f"): content.append(0x0C)
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "u"): return unicode(into: &content)
        default: return false
        }
        return true
    }

    /// `\uXXXX`, or two of them for a scalar outside the basic plane.
    private mutating func unicode(into content: inout ArraySlice<UInt8>) -> Bool {
        guard let first = hexadecimal() else { return false }
        var value = first
        if (0xD800...0xDBFF).contains(first) {
            guard bytes[position...].starts(with: "\\u".utf8) else { return false }
            position += 2
            guard let second = hexadecimal(), (0xDC00...0xDFFF).contains(second) else {
                return false
            }
            value = 0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(value) else { return false }
        content.append(contentsOf: Character(scalar).utf8)
        return true
    }

    private mutating func hexadecimal() -> UInt32? {
        guard position + 4 <= bytes.count else { return nil }
        let digits = bytes[position..<position + 4]
        guard digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }) else {
            return nil
        }
        position += 4
        return UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
    }
}
