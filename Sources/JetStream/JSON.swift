import LedgerModel

/// What JetStream's requests and answers are written in (RFC 8259).
enum JSON: Hashable, Sendable {
    case object([String: JSON])
    case array([JSON])
    case text(String)

    /// As it is written: sequences have 64 bits.
    case number(String)
    case truth(Bool)
    case null

    /// Deeper values are not read.
    static let depthMaximum = 32

    /// `nil` when the bytes are not one value.
    init?(_ bytes: [UInt8]) {
        var parser = JSONParser(bytes)
        guard let value = parser.value(depth: 0), parser.isAtEnd else { return nil }
        self = value
    }

    static func number(_ value: some BinaryInteger) -> JSON { .number(String(value)) }

    /// A member of an object.
    subscript(name: String) -> JSON? {
        if case .object(let members) = self { members[name] } else { nil }
    }

    var text: String? { if case .text(let text) = self { text } else { nil } }

    var truth: Bool? { if case .truth(let truth) = self { truth } else { nil } }

    var unsigned: UInt64? { if case .number(let digits) = self { UInt64(digits) } else { nil } }

    var integer: Int64? { if case .number(let digits) = self { Int64(digits) } else { nil } }

    var elements: [JSON] { if case .array(let elements) = self { elements } else { [] } }

    var bytes: [UInt8] { Array(description.utf8) }
}

extension JSON: CustomStringConvertible {
    /// Its members in the order of their names.
    var description: String {
        switch self {
        case .object(let members):
            let written = members.sorted { $0.key < $1.key }
                .map { "\(Self.quoted($0.key)):\($0.value)" }
            return "{\(written.joined(separator: ","))}"
        case .array(let elements):
            return "[\(elements.map(\.description).joined(separator: ","))]"
        case .text(let text): return Self.quoted(text)
        case .number(let digits): return digits
        case .truth(let truth): return truth ? "true" : "false"
        case .null: return "null"
        }
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            if scalar == "\"" || scalar == "\\" {
                quoted += "\\\(scalar)"
            } else if scalar.value < 0x20 {
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
            } else {
                quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}

extension JSON: ExpressibleByDictionaryLiteral {
    init(dictionaryLiteral members: (String, JSON)...) {
        self = .object(Dictionary(members) { _, last in last })
    }
}

/// Reads one value; `nil` for what is not JSON.
private struct JSONParser {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool {
        mutating get {
            skipSpace()
            return position == bytes.count
        }
    }

    mutating func value(depth: Int) -> JSON? {
        skipSpace()
        guard depth < JSON.depthMaximum, position < bytes.count else { return nil }
        return switch bytes[position] {
        case UInt8(ascii: "{"): object(depth: depth)
        case UInt8(ascii: "["): array(depth: depth)
        case UInt8(ascii: "\""): text().map { .text($0) }
        case UInt8(ascii: "t"): skip("true") ? .truth(true) : nil
        case UInt8(ascii: "f"): skip("false") ? .truth(false) : nil
        case UInt8(ascii: "n"): skip("null") ? .null : nil
        default: number()
        }
    }

    private mutating func object(depth: Int) -> JSON? {
        var members: [String: JSON] = [:]
        position += 1
        if skipSpace(and: "}") { return .object(members) }
        repeat {
            skipSpace()
            guard let name = text(), skipSpace(and: ":"), let value = value(depth: depth + 1)
            else { return nil }
            members[name] = value
        } while skipSpace(and: ",")
        return skipSpace(and: "}") ? .object(members) : nil
    }

    private mutating func array(depth: Int) -> JSON? {
        var elements: [JSON] = []
        position += 1
        if skipSpace(and: "]") { return .array(elements) }
        repeat {
            guard let value = value(depth: depth + 1) else { return nil }
            elements.append(value)
        } while skipSpace(and: ",")
        return skipSpace(and: "]") ? .array(elements) : nil
    }

    private mutating func number() -> JSON? {
        guard let end = JSONNumber.end(in: bytes, from: position) else { return nil }
        defer { position = end }
        return .number(String(decoding: bytes[position..<end], as: UTF8.self))
    }

    private mutating func text() -> String? {
        guard skip("\"") else { return nil }
        var units: [UInt8] = []
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if byte == UInt8(ascii: "\"") { return String(validating: units, as: UTF8.self) }
            if byte != UInt8(ascii: "\\") {
                units.append(byte)
            } else if let escaped = escaped() {
                units.append(contentsOf: String(escaped).utf8)
            } else {
                return nil
            }
        }
        return nil
    }

    /// The character that follows a backslash, where it stands for another one.
    private mutating func escaped() -> Unicode.Scalar? {
        guard position < bytes.count else { return nil }
        let byte = bytes[position]
        position += 1
        return switch byte {
        case UInt8(ascii: "b"): "\u{8}"
        case UInt8(ascii: "f"): "\u{C}"
        case UInt8(ascii: "n"): "\n"
        case UInt8(ascii: "r"): "\r"
        case UInt8(ascii: "t"): "\t"
        case UInt8(ascii: "u"): numbered()
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): Unicode.Scalar(byte)
        default: nil
        }
    }

    /// Four digits, or twice four for a character beyond them: a pair of surrogates.
    private mutating func numbered() -> Unicode.Scalar? {
        guard let first = fourDigits() else { return nil }
        guard (0xD800..<0xDC00).contains(first) else { return Unicode.Scalar(first) }
        guard skip("\\u"), let second = fourDigits(), (0xDC00..<0xE000).contains(second)
        else { return nil }
        return Unicode.Scalar(0x1_0000 + (first - 0xD800) << 10 + (second - 0xDC00))
    }

    private mutating func fourDigits() -> UInt32? {
        guard position + 4 <= bytes.count else { return nil }
        defer { position += 4 }
        let digits = String(decoding: bytes[position..<position + 4], as: UTF8.self)
        return digits.utf8.first == UInt8(ascii: "+") ? nil : UInt32(digits, radix: 16)
    }

    private mutating func skipSpace() {
        while position < bytes.count, " \t\n\r".utf8.contains(bytes[position]) { position += 1 }
    }

    private mutating func skipSpace(and text: String) -> Bool {
        skipSpace()
        return skip(text)
    }

    private mutating func skip(_ text: String) -> Bool {
        guard bytes[position...].starts(with: text.utf8) else { return false }
        position += text.utf8.count
        return true
    }
}
