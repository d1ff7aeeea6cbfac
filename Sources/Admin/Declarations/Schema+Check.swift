extension Schema {
    /// Throws what is wrong with a value, by its place: `devices[1].dk: must be 1 to 64 of ...`.
    func check(_ value: JSON, at place: String = "") throws(Problem) {
        switch (self, value) {
        case (.named(_, let schema), _), (.noted(let schema, _), _):
            try schema.check(value, at: place)
        case (.nullable, .null), (.optional, .null): break
        case (.nullable(let schema), _), (.optional(let schema), _):
            try schema.check(value, at: place)
        case (.text(let rule), .text(let text)) where rule.allows(text): break
        case (.text, .text): throw unfit(at: place)
        case (.text(let rule), _) where rule.format == nil: throw unfit(at: place, "a text")
        case (.integer(let range), .integer(let integer)) where range.contains(integer): break
        case (.flag, .bool): break
        case (.choice(let names), .text(let text)) where names.contains(text): break
        case (.list(let schema, let counts), .array(let elements)):
            guard counts.contains(elements.count) else { throw unfit(at: place) }
            for (index, element) in elements.enumerated() {
                try schema.check(element, at: "\(place)[\(index)]")
            }
        case (.object(let members, let isOpen), .object(let values)):
            try Self.check(values, members, isOpen, at: place)
        case (.either(let forms), _): try Self.form(of: value, forms).check(value, at: place)
        default: throw unfit(at: place)
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
        default: try check(.text(text), at: name)
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
