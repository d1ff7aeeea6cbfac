import HTTPTypes

/// What an operation answers when it was carried out.
struct Answer: Sendable {
    /// A form that the body can have.
    struct Content: Sendable {
        let type: String
        let schema: Schema
    }

    var status: HTTPResponse.Status
    let note: String
    var contents: [Content] = []
    var headers: [Header] = []

    /// The schema of a list's items, which are also the rows of its CSV form.
    var item: Schema?

    /// The caller can go on behind the last item with `?cursor=`.
    var isPaged = false

    /// Where in the JSON the name of what was made is (RFC 6901).
    var nameOfMade: String?

    /// A header that comes with it.
    struct Header: Sendable {
        let name: String
        let note: String
        var isRequired = true
    }

    static func ok(_ schema: Schema, _ note: String = "Done.") -> Answer {
        Answer(
            status: .ok, note: note, contents: [Content(type: "application/json", schema: schema)])
    }

    /// - Parameter name: where the name of what was made is; it is the first member by default.
    static func created(_ schema: Schema, name: String? = nil) -> Answer {
        Answer(
            status: .created,
            note: "Made just now.",
            contents: [Content(type: "application/json", schema: schema)],
            headers: [Header(name: "Location", note: "Where it is from now on.")],
            nameOfMade: name ?? schema.members.first.map { "/\($0.name)" }
        )
    }

    static let noContent = Answer(status: .noContent, note: "Done.")

    /// A part of a list, which takes the parameters `limit` and `cursor`; also as CSV.
    static func page(of item: Schema) -> Answer {
        var answer = list(of: item)
        answer.isPaged = true
        return answer
    }

    /// A list without further parts; also as CSV.
    static func list(of item: Schema) -> Answer {
        let list = Schema.object([
            "items": .list(item),
            "cursor": .noted(
                .nullable(.anyText), "Where the next part begins; null when there is none."),
        ])
        return Answer(
            status: .ok,
            note:
                "A list, or a part of it; a part may be short, even empty, and has a cursor then.",
            contents: [
                Content(type: "application/json", schema: list),
                Content(type: "text/csv", schema: .anyText),
            ],
            headers: [
                Header(
                    name: "Tollgate-Cursor",
                    note: "The cursor to the next part, when the list comes as CSV.",
                    isRequired: false
                )
            ],
            item: item
        )
    }

    /// Plain text.
    static let text = Answer(
        status: .ok, note: "Done.", contents: [Content(type: "text/plain", schema: .anyText)])

    /// Server-sent events, until one side goes.
    static let eventStream = Answer(
        status: .ok, note: "A stream of events.",
        contents: [Content(type: "text/event-stream", schema: .anyText)])

    /// The same answer with another status.
    func with(_ status: HTTPResponse.Status) -> Answer {
        var answer = self
        answer.status = status
        return answer
    }

    /// The same answer in another form as well, if the caller wants that.
    func or(_ type: String, _ schema: Schema = .anyText) -> Answer {
        var answer = self
        answer.contents.append(Content(type: type, schema: schema))
        return answer
    }
}
