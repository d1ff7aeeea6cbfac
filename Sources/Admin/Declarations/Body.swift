/// What an operation takes with the request.
struct Body: Sendable {
    let contents: [Answer.Content]

    /// A JSON object.
    static func json(_ members: KeyValuePairs<String, Schema>) -> Body {
        json(.object(members))
    }

    static func json(_ schema: Schema) -> Body {
        Body(contents: [.init(type: "application/json", schema: schema)])
    }

    /// The same in another form as well.
    func or(_ type: String, _ schema: Schema = .anyText) -> Body {
        Body(contents: contents + [.init(type: type, schema: schema)])
    }

    /// What the JSON must be; `nil` when none is taken.
    var json: Schema? { contents.first { $0.type == "application/json" }?.schema }
}
