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

    /// An object of so many members, whose names are such texts.
    case map(Text, Schema, counts: ClosedRange<Int>)

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
        case .text, .integer, .flag, .choice, .list, .object, .map, .either, .nullable, .optional:
            self
        }
    }

    /// The members of an object, of a nullable one too; none of anything else.
    var members: [Member] {
        switch bare {
        case .object(let members, _): members
        case .nullable(let schema), .optional(let schema): schema.members
        case .named, .noted, .text, .integer, .flag, .choice, .list, .map, .either: []
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
    /// Throws what is wrong with a value, by its place: `devices[1].dk: must be 1 to 64 of ...`; all of it, up to
    /// `Fault.maximumCount`, with the first in front.
    ///
    /// - Parameter parameter: whose value it is; `nil`: it is the request's body.
    func check(_ value: JSON, of parameter: String? = nil) throws(Problem) {
        var faults: [Fault] = []
        find(
            in: value,
            at: Place(text: parameter ?? "", pointer: parameter == nil ? "" : nil), &faults)
        if let problem = Problem(faults) { throw problem }
    }

    /// Where in a value: for people, and for programs (RFC 6901).
    private struct Place {
        let text: String

        /// `nil`: it is not in the body.
        let pointer: String?

        func member(_ name: String) -> Place {
            let step = name.replacing("~", with: "~0").replacing("/", with: "~1")
            return Place(
                text: text.isEmpty ? name : "\(text).\(name)",
                pointer: pointer.map { "\($0)/\(step)" })
        }

        func element(_ index: Int) -> Place {
            Place(text: "\(text)[\(index)]", pointer: pointer.map { "\($0)/\(index)" })
        }

        func fault(_ detail: String) -> Fault {
            let text = text.isEmpty ? "the request's body \(detail)" : "\(text): \(detail)"
            return Fault(reason: .invalidRequest, pointer: pointer, detail: detail, text: text)
        }
    }

    private func find(in value: JSON, at place: Place, _ faults: inout [Fault]) {
        guard faults.count < Fault.maximumCount else { return }
        switch self {
        case .named(_, let schema), .noted(let schema, _):
            schema.find(in: value, at: place, &faults)
        case .nullable(let schema), .optional(let schema):
            if value != .null { schema.find(in: value, at: place, &faults) }
        case .text(let rule):
            guard let text = value.text else {
                return faults.append(
                    place.fault("must be \(rule.format == nil ? "a text" : self.rule)"))
            }
            if !rule.allows(text) { faults.append(unfit(at: place)) }
        case .integer(let range):
            let isFit = value.integer.map { range.contains($0) } ?? false
            if !isFit { faults.append(unfit(at: place)) }
        case .flag:
            if value.bool == nil { faults.append(unfit(at: place)) }
        case .choice(let names):
            let isFit = value.text.map { names.contains($0) } ?? false
            if !isFit { faults.append(unfit(at: place)) }
        case .list(let schema, let counts):
            guard let elements = value.array, counts.contains(elements.count) else {
                return faults.append(unfit(at: place))
            }
            for (index, element) in elements.enumerated() {
                schema.find(in: element, at: place.element(index), &faults)
            }
        case .object(let members, let isOpen):
            guard case .object(let values) = value else { return faults.append(unfit(at: place)) }
            Self.find(in: values, members, isOpen, at: place, &faults)
        case .map(let rule, let schema, let counts):
            guard case .object(let values) = value, counts.contains(values.count) else {
                return faults.append(unfit(at: place))
            }
            for member in values {
                let place = place.member(member.name)
                if !rule.allows(member.name) {
                    faults.append(place.fault("the name must be \(rule.rule)"))
                }
                schema.find(in: member.value, at: place, &faults)
            }
        case .either(let forms): Self.form(of: value, forms).find(in: value, at: place, &faults)
        }
    }

    /// The form that was meant: the one whose choices the value has made; of those one that it has all needed
    /// members of, and the most at all; else the first one.
    private static func form(of value: JSON, _ forms: [Schema]) -> Schema {
        precondition(!forms.isEmpty, "a value has a form")
        let chosen = forms.filter { form in
            form.members.allSatisfy { member in
                guard case .choice(let names) = member.schema.bare else { return true }
                return names.contains(value[member.name]?.text ?? "")
            }
        }
        func has(_ member: Member) -> Bool { value[member.name] != nil }
        let whole = chosen.filter { $0.members.allSatisfy { !$0.isRequired || has($0) } }
        return whole.max { $0.members.count(where: has) < $1.members.count(where: has) }
            ?? chosen.first ?? forms[0]
    }

    private static func find(
        in values: [JSON.Member],
        _ members: [Member],
        _ isOpen: Bool,
        at place: Place,
        _ faults: inout [Fault]
    ) {
        var left = Dictionary(values.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
        for member in members {
            if let value = left.removeValue(forKey: member.name) {
                member.schema.find(in: value, at: place.member(member.name), &faults)
            } else if member.isRequired {
                faults.append(place.member(member.name).fault(Self.missing))
            }
        }
        guard !isOpen else { return }
        for name in left.keys.sorted() {
            faults.append(place.member(name).fault("there is no such field here"))
        }
    }

    /// Checks a value that came as text: a parameter of the query or a header.
    func check(text: String, at name: String) throws(Problem) {
        switch bare {
        case .nullable(let schema), .optional(let schema): try schema.check(text: text, at: name)
        case .integer:
            // Not what `Int64` takes besides: `+5`, `007`.
            guard let integer = Int64(text), String(integer) == text else {
                throw .invalid("\(name): \(unfit)")
            }
            try check(.integer(integer), of: name)
        case .flag:
            guard text == "true" || text == "false" else {
                throw .invalid("\(name): \(unfit)")
            }
        case .named, .noted, .text, .choice, .list, .object, .map, .either:
            try check(.text(text), of: name)
        }
    }

    /// Whether `text` can be a part of a path that this is the form of: a name, or one of a choice.
    func names(_ text: String) -> Bool {
        switch bare {
        case .text(let rule): rule.allows(text)
        case .choice(let names): names.contains(text)
        case .integer, .flag, .list, .object, .map, .either, .nullable, .optional, .named, .noted:
            false
        }
    }

    private func unfit(at place: Place) -> Fault { place.fault(unfit) }

    /// What is said of a member that is not there, and of a value that does not fit.
    static let missing = "is missing"
    var unfit: String { "must be \(rule)" }

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
        case .map(_, _, let counts): "a JSON object of \(Self.rule(of: counts)) members"
        case .nullable(let schema): "\(schema.rule), or null"
        case .optional(let schema), .named(_, let schema), .noted(let schema, _): schema.rule
        }
    }

    private static func rule(of range: ClosedRange<Int64>) -> String {
        "a whole number from \(range.lowerBound) to \(range.upperBound)"
    }
}
