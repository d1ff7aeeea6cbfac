/// A JSON value (RFC 8259) whose objects keep the order of their members.
public enum JSON: Equatable, Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case text(String)
    case array([JSON])
    case object([Member])

    /// A name and its value.
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

    public var text: String? {
        guard case .text(let text) = self else { return nil }
        return text
    }

    public var integer: Int64? {
        guard case .integer(let integer) = self else { return nil }
        return integer
    }

    public var bool: Bool? {
        guard case .bool(let bool) = self else { return nil }
        return bool
    }

    public var array: [JSON]? {
        guard case .array(let array) = self else { return nil }
        return array
    }
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

    public init(_ bool: Bool) { self = .bool(bool) }
}
