import Gateway
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
    case nullable(Schema)

    /// As a member of an object: may be missing, or null, which is the same.
    case optional(Schema)

    /// Described once in the document, under that name, and referred to elsewhere.
    case named(String, Schema)
    case noted(Schema, String)

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
        case .text, .integer, .flag, .choice, .list, .object, .either, .nullable, .optional: self
        }
    }

    /// The members of an object, of a nullable one too; none of anything else.
    var members: [Member] {
        switch bare {
        case .object(let members, _): members
        case .nullable(let schema), .optional(let schema): schema.members
        case .named, .noted, .text, .integer, .flag, .choice, .list, .either: []
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

    static func optional(_ schema: Schema, _ note: String) -> Schema {
        .noted(.optional(schema), note)
    }

    static func list(_ element: Schema) -> Schema { .list(element, counts: 0...Int.max) }

    /// A name of the books, by the rule of its type.
    static func id<ID: Identifier>(_ type: ID.Type) -> Schema {
        .text(Text(lengths: 1...type.maximumLength, alphabet: .bytes(where: type.allows)))
    }

    static func choice<Value: Choice>(_ type: Value.Type) -> Schema {
        .choice(type.allCases.map(\.name))
    }

    static let anyText = Schema.text(Text())

    /// A name for people: `DisplayName`.
    static let name = Schema.text(
        Text(lengths: 1...DisplayName.maximumLength, alphabet: .printable))

    /// As a name, but may be empty.
    static let optionalName = Schema.text(
        Text(lengths: 0...DisplayName.maximumLength, alphabet: .printable))

    /// RFC 3339.
    static let time = Schema.text(Text(format: .time))

    /// As what is asked for; a day means its first instant (UTC).
    static let timeOrDay = Schema.text(Text(format: .timeOrDay))
    static let day = Schema.text(Text(format: .day))

    /// Rule E1.
    static let email = Schema.text(Text(lengths: 0...EmailAddress.maximumLength, format: .email))

    /// How many there are. Up to 2^53 - 1: every JSON reader takes that exactly (RFC 8259, 6).
    static let count = Schema.integer(0...9_007_199_254_740_991)

    /// Of what the books number.
    static let number = Schema.text(Text(lengths: 1...19, alphabet: .digits))

    /// A secret of the books' kind.
    static let secret = Schema.text(Text(lengths: 1...Secret.maximumLength, alphabet: .visible))
}

extension Schema {
    /// Throws what is wrong with a value, by its place: `devices[1].dk: must be 1 to 64 of ...`.
    func check(_ value: JSON, at place: String = "") throws(Problem) {
        switch self {
        case .named(_, let schema), .noted(let schema, _): try schema.check(value, at: place)
        case .nullable(let schema), .optional(let schema):
            if value != .null { try schema.check(value, at: place) }
        case .text(let rule):
            guard let text = value.text else {
                throw unfit(at: place, rule.format == nil ? "a text" : nil)
            }
            guard rule.allows(text) else { throw unfit(at: place) }
        case .integer(let range):
            guard let integer = value.integer, range.contains(integer) else {
                throw unfit(at: place)
            }
        case .flag:
            guard value.bool != nil else { throw unfit(at: place) }
        case .choice(let names):
            guard let text = value.text, names.contains(text) else { throw unfit(at: place) }
        case .list(let schema, let counts):
            guard let elements = value.array, counts.contains(elements.count) else {
                throw unfit(at: place)
            }
            for (index, element) in elements.enumerated() {
                try schema.check(element, at: "\(place)[\(index)]")
            }
        case .object(let members, let isOpen):
            guard case .object(let values) = value else { throw unfit(at: place) }
            try Self.check(values, members, isOpen, at: place)
        case .either(let forms): try Self.form(of: value, forms).check(value, at: place)
        }
    }

    /// The form that was meant: the one whose choices the value has made, of those the one that it has
    /// all members of, else the first one.
    private static func form(of value: JSON, _ forms: [Schema]) -> Schema {
        precondition(!forms.isEmpty, "a value has a form")
        let chosen = forms.filter { form in
            form.members.allSatisfy { member in
                guard case .choice(let names) = member.schema.bare else { return true }
                return names.contains(value[member.name]?.text ?? "")
            }
        }
        return chosen.first { form in
            form.members.allSatisfy { !$0.isRequired || value[$0.name] != nil }
        } ?? chosen.first ?? forms[0]
    }

    private static func check(
        _ values: [JSON.Member],
        _ members: [Member],
        _ isOpen: Bool,
        at place: String
    ) throws(Problem) {
        let prefix = place.isEmpty ? "" : "\(place)."
        var left = Dictionary(values.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
        for member in members {
            if let value = left.removeValue(forKey: member.name) {
                try member.schema.check(value, at: prefix + member.name)
            } else if member.isRequired {
                throw .invalid("\(prefix)\(member.name): is missing")
            }
        }
        guard !isOpen, let name = left.keys.min() else { return }
        throw .invalid("\(prefix)\(name): there is no such field here")
    }

    /// Checks a value that came as text: a parameter of the query or a header.
    func check(text: String, at name: String) throws(Problem) {
        switch bare {
        case .nullable(let schema), .optional(let schema): try schema.check(text: text, at: name)
        case .integer:
            // Not what `Int64` takes besides: `+5`, `007`.
            guard let integer = Int64(text), String(integer) == text else {
                throw unfit(at: name)
            }
            try check(.integer(integer), at: name)
        case .flag:
            guard text == "true" || text == "false" else { throw unfit(at: name) }
        case .named, .noted, .text, .choice, .list, .object, .either:
            try check(.text(text), at: name)
        }
    }

    private func unfit(at place: String, _ rule: String? = nil) -> Problem {
        let subject = place.isEmpty ? "the request's body" : "\(place):"
        return .invalid("\(subject) must be \(rule ?? self.rule)")
    }

    /// For people: what a value must be.
    var rule: String {
        switch self {
        case .text(let rule): rule.rule
        case .integer(let range): Self.rule(of: range)
        case .flag: "true or false"
        case .choice(let names):
            names.count < 2
                ? names.joined()
                : names.dropLast().joined(separator: ", ") + " or \(names[names.count - 1])"
        case .list(_, let counts):
            counts == 0...Int.max ? "a list" : "a list of \(Self.rule(of: counts))"
        case .object, .either: "a JSON object"
        case .nullable(let schema): "\(schema.rule), or null"
        case .optional(let schema), .named(_, let schema), .noted(let schema, _): schema.rule
        }
    }

    private static func rule(of range: ClosedRange<Int64>) -> String {
        "a whole number from \(range.lowerBound) to \(range.upperBound)"
    }
}
