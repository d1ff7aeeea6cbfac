import Gateway
import HTTPTypes
import Hummingbird
import Ledger
import NIOCore
import NIOHTTPTypes
import Storage
import Time

/// One request that may be answered, with everything that is needed to answer it.
struct Call: Sendable {
    let request: Request
    let operation: Operation
    let path: [String: String]
    let query: Query
    let principal: Principal
    let server: ServerContext

    /// The connection that the request came on; `nil` when it was made in process.
    let channel: (any Channel)?

    /// What the request's body holds of the memory for all.
    let share: BodyBudget.Share

    var controlPlane: any ControlPlane { server.controlPlane }
    var configuration: GatewayConfiguration { server.configuration }

    static let idempotencyKey = HTTPField.Name("Idempotency-Key")!

    static let idempotencyKeyParameter = Parameter(
        idempotencyKey.rawName,
        .text(.init(lengths: 1...Command.idempotencyKeyMaximumLength, alphabet: .visible)),
        """
        Chosen by the caller: the same request with the same key is carried out once, and answered \
        as the first time.
        """
    )

    /// A part of the path, percent-decoded and of the declared form. Traps when the path has no such
    /// part, or the value is not what the form promises.
    func parameter<Value>(_ name: String, _ make: (String) -> Value?) -> Value {
        guard let value = path[name].flatMap(make) else {
            preconditionFailure("the path has no \(name)")
        }
        return value
    }

    /// A parameter of the query; `nil` when it is missing. Traps when it is not declared.
    func query(_ name: String) -> String? {
        precondition(operation.query.contains { $0.name == name }, "\(name) is not declared")
        return query[name]
    }

    /// As above, of a type that takes what the declared form allows; throws when it does not.
    func query<Value>(_ name: String, _ make: (String) -> Value?) throws(Problem) -> Value? {
        guard let text = query(name) else { return nil }
        guard let value = make(text) else { throw .invalid("\(name): is not valid") }
        return value
    }

    /// A header; `nil` when it is missing. Traps when it is not declared.
    func header(_ name: String) -> String? {
        precondition(operation.headers.contains { $0.name == name }, "\(name) is not declared")
        return HTTPField.Name(name).flatMap { request.headers[$0] }
    }

    /// Reads the books as they are at one moment.
    func read<Value>(_ body: (Books, borrowing ReadTransaction) throws -> Value) throws -> Value {
        do {
            return try controlPlane.ledger.read { (books, transaction) throws(StoreError) in
                Result { try body(books, transaction) }
            }.get()
        } catch StoreError.malformed("cursor") {
            throw Problem.unknownCursor
        }
    }

    /// The same of what may not be there, which is answered with the refusal.
    func read<Value>(
        or refusal: @autoclosure () -> Refusal,
        _ body: (Books, borrowing ReadTransaction) throws -> Value?
    ) throws -> Value {
        guard let value = try read(body) else { throw Problem(refusal()) }
        return value
    }

    /// Makes the ids and secrets of this request's command.
    var mint: Mint {
        Mint(key: server.mintKey, actor: principal.actor, idempotencyKey: idempotencyKey)
    }

    var idempotencyKey: String? { request.headers[Self.idempotencyKey] }

    /// Carries out a step of a larger change, which is not remembered under the request's idempotency
    /// key; throws the refusal as a problem, in the words of `refusedAs`.
    @discardableResult
    func carryOut(
        _ action: Action, refusedAs named: (Refusal) -> Refusal = { $0 }
    ) async throws -> Effect {
        let command = Command(at: controlPlane.now, actor: principal.actor, action: action)
        switch try await controlPlane.submit(command) {
        case .done(let effect), .repeated(let effect): return effect
        case .refused(let refusal): throw Problem(named(refusal))
        }
    }

    /// Carries out a change; throws the refusal as a problem, in the words of `refusedAs`. The effect is on disk
    /// when it returns.
    @discardableResult
    func submit(
        _ action: Action, refusedAs named: (Refusal) -> Refusal = { $0 }
    ) async throws -> Effect {
        switch try await controlPlane.submit(command(action)) {
        case .done(let effect), .repeated(let effect): return effect
        case .refused(let refusal): throw Problem(named(refusal))
        }
    }

    /// Carries out a change, and answers the document that shows what it has done. Repeated under its
    /// key it answers the first document, whatever has become of the thing since (rule A8); so a
    /// document must hold no secret, which the `mint` makes again.
    func submit(
        _ action: Action,
        showing document: (Effect) async throws -> JSON
    ) async throws -> JSON {
        let effect: Effect
        switch try await controlPlane.submit(command(action)) {
        case .done(let done): effect = done
        case .repeated(let done):
            if let first = try firstAnswer() { return first }
            effect = done
        case .refused(let refusal): throw Problem(refusal)
        }
        let made = try await document(effect)
        if let idempotencyKey, made.bytes.count <= Books.answerMaximumLength {
            try await carryOut(.answers(.remember(key: idempotencyKey, answer: made.bytes)))
        }
        return made
    }

    /// The same as an answer.
    func answer(_ action: Action, _ document: () async throws -> JSON) async throws -> Response {
        .json(try await submit(action) { _ in try await document() })
    }

    /// The command of this request: the books remember it under the request's idempotency key.
    func command(_ action: Action) -> Command {
        Command(
            at: controlPlane.now, actor: principal.actor, idempotencyKey: idempotencyKey,
            action: action)
    }

    /// What this key was answered; `nil` when the first answer was never made.
    private func firstAnswer() throws -> JSON? {
        guard let idempotencyKey else { return nil }
        let bytes = try read { try $0.answer(to: idempotencyKey, of: principal.actor, in: $1) }
        return bytes.flatMap { JSON(parsing: $0) }
    }
}

extension Call {
    /// The members of the request's body, a JSON object of the declared form. Traps when the
    /// operation declares none.
    func fields() async throws -> Fields { Fields(try await json()) }

    /// The request's body, of the declared form. Traps when the operation declares no JSON.
    func json() async throws -> JSON {
        guard let body = operation.body, let schema = body.json else {
            preconditionFailure("\(operation.id) declares no JSON body")
        }
        let bytes = try await bytes(upTo: body.jsonLimit.bytes(of: configuration.admin))
        let json = try Self.json(of: bytes, upTo: body.jsonLimit.values)
        try schema.check(json)
        return json
    }

    private static func json(of bytes: [UInt8], upTo values: Int) throws(Problem) -> JSON {
        do throws(JSON.Fault) {
            return try JSON(bytes, upTo: values)
        } catch {
            switch error {
            case .malformed:
                let detail = "the body is not JSON"
                throw Problem(
                    Fault(reason: .invalidRequest, pointer: "", detail: detail, text: detail))
            case .nameTooLong:
                throw .invalid("a field's name has at most \(JSON.nameMaximum) bytes")
            case .tooManyValues:
                throw Problem(.requestTooLarge, "the body has more than \(values) values")
            }
        }
    }

    /// The whole body. The caller is known by now: nothing is read for strangers.
    private func bytes(upTo maximum: Int) async throws -> [UInt8] {
        let announced = request.headers[.contentLength].flatMap { Int($0) } ?? 0
        guard announced <= maximum else { throw Self.tooLarge(maximum) }
        var bytes: [UInt8] = []
        var pieces = try await body()
        while let piece = try await Self.next(of: &pieces) {
            let length = bytes.count + piece.readableBytes
            try share.hold(length, upTo: maximum)
            // What was announced may never come.
            if bytes.isEmpty { bytes.reserveCapacity(min(announced, 4 * length)) }
            bytes.append(contentsOf: piece.readableBytesView)
        }
        return bytes
    }

    /// The body, piece by piece. A client that waits to be told so sends it from here on (RFC 9110, 10.1.1).
    func body() async throws -> RequestBody.AsyncIterator {
        if request.headers[.expect]?.lowercased() == "100-continue" {
            try await channel?.writeAndFlush(HTTPResponsePart.head(.init(status: .continue)))
        }
        return request.body.makeAsyncIterator()
    }

    /// The next piece of a body; throws when it has ended before its end, or is not what HTTP says it is.
    static func next(of pieces: inout RequestBody.AsyncIterator) async throws -> ByteBuffer? {
        do {
            let piece = try await pieces.next(isolation: #isolation)
            // A connection that is cut off on our side ends the body like its own end does.
            try Task.checkCancellation()
            return piece
        } catch {
            throw Problem(.malformedRequest, "the body did not come whole: nothing was changed")
        }
    }

    fileprivate static func tooLarge(_ maximum: Int) -> Problem {
        Problem(.requestTooLarge, "the request's body has more than \(maximum) bytes")
    }

    fileprivate static let tooMuchAtOnce = Problem(
        .tooMuchAtOnce, "the bodies of other requests take all the memory for them",
        retryAfterSeconds: 1)

    /// The part of a list that is asked for: `?limit=` and `?cursor=`.
    func page() throws(Problem) -> (cursor: String?, limit: Int) {
        (query("cursor"), try query("limit") { Int($0) } ?? 100)
    }

    /// That part of a list that the books have, as far as it is for the caller.
    func list<Element>(
        _ document: (Element) -> JSON,
        where isShown: (Element) -> Bool = { _ in true },
        _ query: (Books, String?, Int, borrowing ReadTransaction) throws -> Page<Element>
    ) throws -> Response {
        let (cursor, limit) = try page()
        let page = try read { try query($0, cursor, limit, $1) }
        return list(page.elements.filter(isShown).map(document), cursor: page.cursor)
    }

    func list<Element>(
        _ shape: Shape<Element>,
        where isShown: (Element) -> Bool = { _ in true },
        _ query: (Books, String?, Int, borrowing ReadTransaction) throws -> Page<Element>
    ) throws -> Response {
        try list({ shape($0) }, where: isShown, query)
    }

    /// A list, as JSON or, with `Accept: text/csv`, as CSV.
    func list(_ items: [JSON], cursor: String?) -> Response {
        let isCSV = request.headers[.accept]?.contains("text/csv") == true
        var response =
            isCSV
            ? Response(.ok, "text/csv; charset=utf-8", Array(CSV.text(of: items).utf8))
            : Response.json(["items": .array(items), "cursor": JSON(cursor)])
        if let cursor, let name = HTTPField.Name("Link") {
            response.headers[name] = "<\(address(after: cursor))>; rel=\"next\""
        }
        if isCSV, let cursor, let name = HTTPField.Name("Tollgate-Cursor") {
            response.headers[name] = cursor
        }
        return response
    }

    /// Of the next part of this list (RFC 8288): the same request with another cursor.
    private func address(after cursor: String) -> String {
        let others = (request.uri.query ?? "").split(separator: "&").filter { pair in
            String(percentEncoded: pair.prefix { $0 != "=" }) != "cursor"
        }
        let query = others.map { Self.encoded($0) } + ["cursor=\(cursor)"]
        return Self.encoded(request.uri.path[...]) + "?" + query.joined(separator: "&")
    }

    /// With all percent-encoded that is not of an address (RFC 3986, 2), the end of the link's among it; what is encoded
    /// already stays as it is.
    private static func encoded(_ text: Substring) -> String {
        let others = Set("-._~:/?#[]@!$&'()*+,;=%".utf8)
        var encoded = ""
        for byte in text.utf8 {
            let character = Character(UnicodeScalar(byte))
            if character.isASCII, character.isLetter || character.isNumber || others.contains(byte)
            {
                encoded.append(character)
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                encoded += "%" + (digits.count < 2 ? "0" : "") + digits
            }
        }
        return encoded
    }

    func created(_ json: JSON, at location: String) -> Response {
        var response = Response.json(json, status: .created)
        response.headers[.location] = location
        return response
    }
}

extension BodyBudget.Share {
    /// As `grow`, of a body that may have so many bytes.
    func hold(_ length: Int, upTo maximum: Int) throws(Problem) {
        guard length <= maximum else { throw Call.tooLarge(maximum) }
        guard grow(to: length) else { throw Call.tooMuchAtOnce }
    }
}

extension Call {
    /// The account that the path names, if the caller reaches it.
    func account() throws -> AccountID { try account(parameter("account", AccountID.init)) }

    /// The same account, if the caller reaches it. Asked for before anything else is looked at, so
    /// that one out of reach is answered like one that is not there.
    @discardableResult
    func account(_ id: AccountID) throws -> AccountID {
        try principal.require(id)
        _ = try read(or: .accounts(.unknown(id))) { try $0.account(id, in: $1) }
        return id
    }

    /// Whether the request may be the repetition of one that was answered: whether what it is about is
    /// still there is the books' to say then (rule A8).
    var isRepeatable: Bool {
        idempotencyKey != nil && request.method != .get && operation.isRemembered
    }

    /// The product that the path names, if the caller reaches it and it was not deleted.
    func product() throws -> (key: ProductKey, record: ProductRecord) {
        let key = parameter("pk", ProductKey.init)
        return (key, try product(key))
    }

    func product(_ key: ProductKey) throws -> ProductRecord {
        let record = try read { try $0.product(key, in: $1) }
        guard let record, !record.isDeleted || isRepeatable else {
            throw Problem(.products(.unknown(key)))
        }
        try principal.require(key, of: record.account)
        return record
    }

    /// The device that the path names, and its product. Whether there is such a device is not asked.
    func identity() throws -> (identity: DeviceIdentity, product: ProductRecord) {
        let (key, record) = try product()
        let device = parameter("dk", DeviceKey.init)
        return (DeviceIdentity(product: key, device: device), record)
    }

    /// The registered device that the path names.
    func device() throws -> (identity: DeviceIdentity, product: ProductRecord, record: DeviceRecord)
    {
        let (identity, product) = try identity()
        let record = try read { try $0.device(identity, in: $1) }
        guard let record, record.isRegistered else { throw Problem(.devices(.unknown(identity))) }
        return (identity, product, record)
    }
}

/// The members of a JSON object that was checked by its schema, taken by name and type.
///
/// A member that is null counts as missing. Asking for another type than the schema has
/// or requires what it does not require, gets a problem instead of a value.
struct Fields {
    private var values: [String: JSON] = [:]

    /// The members of an object; none of anything else.
    init(_ json: JSON) {
        guard case .object(let members) = json else { return }
        for member in members where member.value != .null { values[member.name] = member.value }
    }

    func optionalText(_ name: String) throws(Problem) -> String? { try optional(name, as: \.text) }
    func optionalFlag(_ name: String) throws(Problem) -> Bool? { try optional(name, as: \.bool) }
    func optionalNumber(_ name: String) throws(Problem) -> Int64? {
        try optional(name, as: \.integer)
    }
    func optionalObject(_ name: String) throws(Problem) -> JSON? {
        try optional(name, as: \.self)
    }
    func optionalArray(_ name: String) throws(Problem) -> [JSON]? {
        try optional(name, as: \.array)
    }

    func text(_ name: String) throws(Problem) -> String { try required(optionalText(name), name) }
    func flag(_ name: String) throws(Problem) -> Bool { try required(optionalFlag(name), name) }
    func number(_ name: String) throws(Problem) -> Int64 {
        try required(optionalNumber(name), name)
    }
    func array(_ name: String) throws(Problem) -> [JSON] { try required(optionalArray(name), name) }

    /// A text that `make` takes whenever it is of the declared form.
    func optional<Value>(_ name: String, _ make: (String) -> Value?) throws(Problem) -> Value? {
        try optional(name, as: { $0.text.flatMap(make) })
    }

    func required<Value>(_ name: String, _ make: (String) -> Value?) throws(Problem) -> Value {
        try required(try optional(name, make), name)
    }

    /// The same of a whole number.
    func optional<Value>(number name: String, _ make: (Int64) -> Value?) throws(Problem) -> Value? {
        try optional(name, as: { $0.integer.flatMap(make) })
    }

    func required<Value>(number name: String, _ make: (Int64) -> Value?) throws(Problem) -> Value {
        try required(try optional(number: name, make), name)
    }

    private func optional<Value>(
        _ name: String,
        as take: (JSON) -> Value?
    ) throws(Problem) -> Value? {
        guard let json = values[name] else { return nil }
        guard let value = take(json) else { throw .invalid("\(name): is not valid") }
        return value
    }

    private func required<Value>(_ value: Value?, _ name: String) throws(Problem) -> Value {
        guard let value else { throw .invalid("\(name): is missing") }
        return value
    }
}
