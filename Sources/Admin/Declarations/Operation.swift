import Gateway

/// What a route does, declared once. Routing, the check of the role and of all parameters, the answer
/// 405, and the API's document (`GET /openapi.json`) are made from it; the tests hold every answer
/// against it. So the document can't say anything else than the server does.
///
/// How to add a route, in a `mutating func register...()` of a `Routes+*.swift`, which
/// `Routes.registerAll` calls:
///
///     on(.post, "products/:pk/devices/:dk/upgrades",
///         Operation(
///             "requestUpgrade", "Ask whether an upgrade may start (rule D1)",
///             access: .everyone,
///             body: .json(["id": .id(UpgradeID.self), "sizeBytes": .integer(1...1 << 40),
///                 "note": .optional(.name)]),
///             answers: .created(.upgrade),
///             problems: [.otaExhausted, .alreadyExists]
///         )
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
/// - Shapes of documents are static members of `Schema`, next to `Documents`
///   (`Documents/Schema+*.swift`), `.named` so that the document has them once. All members are
///   required unless `.optional`.
/// - `problems` are the reasons beyond the usual ones. The usual: 401, 403 and 404 for what the path
///   names, 413, 415 and 422 of bodies and parameters, 429, 503, and those of idempotency keys.
///   `Client` in the tests fails on a reason, status or member that is not declared.
///   A reason's status is in the table of `Reason`.
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

    init(
        _ id: String,
        _ summary: String,
        access: Access? = nil,
        query: [Parameter] = [],
        headers: [Parameter] = [],
        body: Body? = nil,
        answers: Answer...,
        problems: [Reason] = []
    ) {
        self.id = id
        self.summary = summary
        self.access = access
        self.query = query + (answers.contains { $0.isPaged } ? [.limit, .cursor] : [])
        self.headers = headers
        self.body = body
        self.answers = answers
        self.problems = problems
    }
}
