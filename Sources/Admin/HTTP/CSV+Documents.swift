extension CSV {
    /// A list of documents as CSV: a column for each member, those of nested objects as
    /// `codes.total`; lists are joined by spaces.
    static func text(of documents: [JSON]) -> String {
        guard let first = documents.first else { return "" }
        let names = cells(of: first).map(\.name)
        var text = text(of: names)
        for document in documents {
            let cells = cells(of: document)
            text += CSV.text(
                of: names.map { name in cells.first { $0.name == name }?.value ?? "" }
            )
        }
        return text
    }

    private static func cells(of json: JSON) -> [(name: String, value: String)] {
        guard case .object(let members) = json else { return [] }
        return members.flatMap { member in
            guard case .object = member.value else {
                return [(member.name, text(of: member.value))]
            }
            return cells(of: member.value).map { ("\(member.name).\($0.name)", $0.value) }
        }
    }

    private static func text(of json: JSON) -> String {
        switch json {
        case .null: ""
        case .text(let text): text
        case .array(let elements): elements.map { text(of: $0) }.joined(separator: " ")
        default: String(decoding: json.bytes, as: UTF8.self)
        }
    }
}
