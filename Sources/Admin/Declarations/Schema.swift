import Ledger

/// What a JSON value looks like: JSON Schema (2020-12), as far as the API needs it.
///
/// One value serves three ends: what comes in is checked by it (`check`), what goes out is tested by
/// it, and the API's document describes both with it (`OpenAPI`).
indirect enum Schema: Equatable, Sendable {
    case text(Text)
    case integer(ClosedRange<Int64>)
    case flag
    case choice([String])
    case list(Schema, counts: ClosedRange<Int>)

    /// An open object may have members besides those.
    case object([Member], isOpen: Bool)

    /// One of these forms of an object.
    case either([Schema])

    /// The value, or null.
    case nullable(Schema)

    /// As a member of an object: may be missing, or null, which is the same.
    case optional(Schema)

    /// Described once in the document, under that name, and referred to elsewhere.
    case named(String, Schema)

    /// With a sentence for people.
    case noted(Schema, String)

    /// A member of an object.
    struct Member: Equatable, Sendable {
        let name: String
        let schema: Schema

        var isRequired: Bool {
            if case .optional = schema.bare { return false }
            return true
        }
    }

    /// Without names and notes.
    var bare: Schema {
        switch self {
        case .named(_, let schema), .noted(let schema, _): schema.bare
        default: self
        }
    }

    /// The members of an object, of a nullable one too; none of anything else.
    var members: [Member] {
        switch bare {
        case .object(let members, _): members
        case .nullable(let schema), .optional(let schema): schema.members
        default: []
        }
    }
}

extension Schema {
    /// A closed object. All members are required but those that are `optional`.
    static func object(_ members: KeyValuePairs<String, Schema>) -> Schema {
        .object(members.map { Member(name: $0.key, schema: $0.value) }, isOpen: false)
    }

    /// An object of those members and any other ones.
    static func openObject(_ members: KeyValuePairs<String, Schema>) -> Schema {
        .object(members.map { Member(name: $0.key, schema: $0.value) }, isOpen: true)
    }

    /// This object with more members, under another name.
    func adding(_ members: KeyValuePairs<String, Schema>, named name: String) -> Schema {
        let more = members.map { Member(name: $0.key, schema: $0.value) }
        return .named(name, .object(self.members + more, isOpen: false))
    }

    static func list(_ element: Schema) -> Schema { .list(element, counts: 0...Int.max) }

    /// A name of the books, by the rule of its type.
    static func id<ID: Identifier>(_ type: ID.Type) -> Schema {
        .text(Text(lengths: 1...type.maximumLength, alphabet: .bytes(where: type.allows)))
    }

    /// One of an enumeration's names.
    static func choice<Value: Choice>(_ type: Value.Type) -> Schema {
        .choice(type.allCases.map(\.name))
    }

    /// Any text.
    static let anyText = Schema.text(Text(lengths: 0...Int.max, alphabet: .anything))

    /// A name for people; control characters would spoil the tables and logs it is shown in.
    static let name = Schema.text(Text(lengths: 1...256, alphabet: .printable))

    /// As a name, but may be empty.
    static let optionalName = Schema.text(Text(lengths: 0...256, alphabet: .printable))

    /// RFC 3339.
    static let time = Schema.text(Text(format: .time))
    static let day = Schema.text(Text(format: .day))

    /// Rule E1.
    static let email = Schema.text(
        Text(format: .email, lengths: 0...EmailAddress.maximumLength))

    /// How many there are. Up to 2^53 - 1: every JSON reader takes that exactly (RFC 8259, 6).
    static let count = Schema.integer(0...9_007_199_254_740_991)

    /// A secret of the books' kind.
    static let secret = Schema.text(Text(lengths: 1...64, alphabet: .visible))
}
