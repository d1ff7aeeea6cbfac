extension Schema {
    /// As JSON Schema (2020-12). Named schemas become references.
    var document: JSON {
        switch self {
        case .text(let rule): Self.document(of: rule)
        case .integer(let range):
            [
                "type": "integer", "minimum": .integer(range.lowerBound),
                "maximum": .integer(range.upperBound),
            ]
        case .flag: ["type": "boolean"]
        case .choice(let names): ["type": "string", "enum": .array(names.map { .text($0) })]
        case .list(let schema, let counts): Self.document(ofList: schema, counts)
        case .object(let members, let isOpen): Self.document(of: members, isOpen)
        case .map(let rule, let schema, let counts): Self.document(ofMap: rule, schema, counts)
        case .either(let forms): ["oneOf": .array(forms.map(\.document))]
        case .nullable(let schema), .optional(let schema): Self.orNull(schema.document)
        case .named(let name, _): ["$ref": .text("#/components/schemas/\(name)")]
        case .noted(let schema, let note): schema.document.adding("description", .text(note))
        }
    }

    private static func document(of rule: Text) -> JSON {
        if rule.format == .timeOrDay { return ["anyOf": [time.document, day.document]] }
        var document: JSON = ["type": "string"]
        if let format = rule.format { document.add("format", .text(format.rawValue)) }
        if rule.lengths.lowerBound > 0 { document.add("minLength", JSON(rule.lengths.lowerBound)) }
        if rule.lengths.upperBound < Int.max {
            document.add("maxLength", JSON(rule.lengths.upperBound))
        }
        if let pattern = rule.pattern { document.add("pattern", .text(pattern)) }
        return document
    }

    private static func document(ofList schema: Schema, _ counts: ClosedRange<Int>) -> JSON {
        var document: JSON = ["type": "array", "items": schema.document]
        if counts.lowerBound > 0 { document.add("minItems", JSON(counts.lowerBound)) }
        if counts.upperBound < Int.max { document.add("maxItems", JSON(counts.upperBound)) }
        return document
    }

    private static func document(
        ofMap rule: Text, _ schema: Schema, _ counts: ClosedRange<Int>
    ) -> JSON {
        var document: JSON = [
            "type": "object", "additionalProperties": schema.document,
            "propertyNames": self.document(of: rule),
        ]
        if counts.lowerBound > 0 { document.add("minProperties", JSON(counts.lowerBound)) }
        if counts.upperBound < Int.max { document.add("maxProperties", JSON(counts.upperBound)) }
        return document
    }

    private static func document(of members: [Member], _ isOpen: Bool) -> JSON {
        let properties = members.map { JSON.Member(name: $0.name, value: $0.schema.document) }
        let required = members.filter(\.isRequired).map { JSON.text($0.name) }
        var document: JSON = ["type": "object", "properties": .object(properties)]
        if !required.isEmpty { document.add("required", .array(required)) }
        return isOpen ? document : document.adding("additionalProperties", false)
    }

    private static func orNull(_ document: JSON) -> JSON {
        guard case .object(let members) = document, let type = document["type"] else {
            return ["anyOf": [document, ["type": "null"]]]
        }
        return .object(
            members.map { member in
                switch member.name {
                case "type": JSON.Member(name: "type", value: [type, "null"])
                case "enum":
                    JSON.Member(name: "enum", value: .array((member.value.array ?? []) + [.null]))
                default: member
                }
            }
        )
    }

    /// Every named schema in this one, this one included, by name.
    var components: [(name: String, schema: Schema)] {
        switch self {
        case .named(let name, let schema): [(name, schema)] + schema.components
        case .list(let schema, _), .nullable(let schema), .optional(let schema),
            .noted(let schema, _), .map(_, let schema, _):
            schema.components
        case .object(let members, _): members.flatMap(\.schema.components)
        case .either(let forms): forms.flatMap(\.components)
        case .text, .integer, .flag, .choice: []
        }
    }
}
