import Gateway
import HTTPTypes
import Ledger

/// What a route does, declared once. Routing, the check of the role and of all parameters, the answer
/// 405, and the API's document (`GET /openapi.json`) are made from it; the tests hold every answer
/// against it. So the document can't say anything else than the server does.
///
/// How to add a route, in a `mutating func register...()` of a `Routes+*.swift`, which
/// `Routes.all` calls:
///
///     on(
///         .post, "products/:pk/devices/:dk/upgrades", "requestUpgrade",
///         "Ask whether an upgrade may start (rule D1)", access: .everyone,
///         body: .json(["id": .id(UpgradeID.self), "sizeBytes": .integer(1...1 << 40)]),
///         answers: .created(Documents.upgrade), problems: [.otaExhausted, .alreadyExists]
///     ) { call in
///         let (identity, _, _) = try call.device()
///         var fields = try await call.fields()    // checked: required, known, of the right form
///         let id = try fields.required("id", UpgradeID.init)
///         ...
///     }
///
/// - The path begins below `/v1/` (or with `/`). `:pk`, `:dk`, `:account`, ... are described in
///   `PathParameter`; add a new kind there. A text that can't be such a name is answered 404.
/// - `access`: see `Access`. Without it: `.everyone` for GET, `.managers` for the rest. What the key
///   reaches is still checked by `call.account()`, `call.product()`, `principal.require(...)`.
/// - `query`: what else may be asked for. A parameter that is not declared is refused (422), so is a
///   value that does not fit. Read it by `call.query("state", DeviceState.init(named:))`.
/// - `fields()` are the members of the JSON body, checked by its schema: what is left to do is to take
///   them by name. An enumeration's names: conform it to `Choice`, declare `.choice(Kind.self)`, take
///   `fields.required("kind", Kind.init(named:))`.
/// - `.page(of:)` and `.list(of:)` answer lists, also as CSV; `.page` has `limit` and `cursor`.
/// - Documents are static members of `Documents`, each a `Shape`. What requests carry is a `Schema`
///   (`Documents/Schema+Books.swift`), whose members are required unless `.optional`.
/// - `problems` are the reasons beyond the usual ones. The usual: 401, 403 and 404 for what the path
///   names, 413, 415 and 422 of bodies and parameters, 429, 503, and those of idempotency keys.
///   `Client` in the tests fails on a reason, status or member that is not declared.
///   A reason's status is in the table of `Reason`.
/// - `isRemembered: false` is for a write that is not one command to the books: it takes no idempotency
///   key. All others are tried by `ReplayTests`, where a new one needs its line.
struct Operation: Sendable {
    /// Unique; clients made from the document have a function of that name.
    let id: String
    let summary: String
    let access: Access?
    let query: [Parameter]
    let headers: [Parameter]
    let body: Body?
    let answers: [Answer]
    let problems: [Reason]

    /// Whether its writes are in the books, which remember what an idempotency key was answered (rule A8).
    let isRemembered: Bool
}

/// Who may call an operation. What the caller's key reaches (its account, its products) is checked
/// besides, where the account or product is looked up (`Principal.require`).
enum Access: Equatable, Sendable {
    /// Without a token.
    case open
    case everyone

    /// Every role but applications.
    case managers

    /// The same, with a key that is not bound to products: what it reaches, it reaches whole.
    case wholeAccounts
    case operators

    /// Of a key that is not bound to an account, and so runs the gateway's machine.
    case owner

    /// The same of owners and operators.
    case gateway

    var needsToken: Bool { self != .open }

    /// For the document, and for a caller who is refused.
    var rule: String {
        switch self {
        case .open: "no token is needed"
        case .everyone: "any role"
        case .managers: "the role owner, operator or sub-account"
        case .wholeAccounts:
            "the role owner, operator or sub-account, with a key that is not bound to products"
        case .operators: "the role owner or operator"
        case .owner: "the role owner, with a key that is not bound to an account"
        case .gateway: "the role owner or operator, with a key that is not bound to an account"
        }
    }

    func admits(_ principal: Principal) -> Bool {
        switch self {
        case .open, .everyone: true
        case .managers: principal.role != .application
        case .wholeAccounts: principal.role != .application && principal.products == nil
        case .operators: principal.isOperator
        case .gateway: principal.isOperator && principal.account == nil && principal.products == nil
        case .owner: principal.role == .owner && Access.gateway.admits(principal)
        }
    }
}

/// What an operation takes with the request.
struct Body: Sendable {
    let contents: [Answer.Content]
    let jsonLimit: JSONLimit

    /// How much a JSON body may hold.
    struct JSONLimit: Sendable {
        /// In bytes; `nil`: what the configuration allows one request.
        let bytes: Int?

        /// Values of all kinds: each takes memory, however short its text is.
        let values: Int

        /// A few fields.
        static let small = JSONLimit(bytes: 65_536, values: 1_000)

        /// A list of so many objects or names, each of a few values.
        static func list(_ count: Int) -> JSONLimit { JSONLimit(bytes: nil, values: 10 * count) }

        /// A few fields, of which one is long.
        static let long = JSONLimit(bytes: nil, values: 1_000)

        func bytes(of configuration: GatewayConfiguration.Admin) -> Int {
            min(bytes ?? .max, configuration.requestSizeBytes)
        }

        var note: String {
            bytes.map { "At most \($0) bytes of JSON." }
                ?? "At most as many bytes of JSON as admin.requestSizeBytes says."
        }
    }

    static func json(
        _ members: KeyValuePairs<String, Schema>,
        upTo limit: JSONLimit = .small
    ) -> Body {
        json(.object(members), upTo: limit)
    }

    static func json(_ schema: Schema, upTo limit: JSONLimit = .small) -> Body {
        Body(contents: [.init(type: "application/json", schema: schema)], jsonLimit: limit)
    }

    /// The same in another form as well.
    func or(_ type: String, _ schema: Schema = .anyText) -> Body {
        Body(contents: contents + [.init(type: type, schema: schema)], jsonLimit: jsonLimit)
    }

    /// What the JSON must be; `nil` when none is taken.
    var json: Schema? { contents.first { $0.type == "application/json" }?.schema }
}

/// What an operation answers when it was carried out.
struct Answer: Sendable {
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

    struct Header: Sendable {
        let name: String
        let note: String
        var isRequired = true
    }

    static func ok(_ schema: Schema, _ note: String = "Done.") -> Answer {
        Answer(status: .ok, note: note).or("application/json", schema)
    }

    /// - Parameter name: where the name of what was made is; it is the first member by default.
    static func created(_ schema: Schema, name: String? = nil) -> Answer {
        Answer(
            status: .created, note: "Made just now.",
            headers: [Header(name: "Location", note: "Where it is from now on.")],
            nameOfMade: name ?? schema.members.first.map { "/\($0.name)" }
        ).or("application/json", schema)
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
            headers: [
                Header(
                    name: "Tollgate-Cursor",
                    note: "The cursor to the next part, when the list comes as CSV.",
                    isRequired: false),
                Header(
                    name: "Link", note: "The next part, with rel=\"next\" (RFC 8288).",
                    isRequired: false),
            ],
            item: item
        ).or("application/json", list).or("text/csv")
    }

    static let text = Answer(status: .ok, note: "Done.").or("text/plain")

    /// Server-sent events, until one side goes.
    static let eventStream = Answer(status: .ok, note: "A stream of events.")
        .or("text/event-stream")

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
