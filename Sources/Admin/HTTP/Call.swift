import Gateway
import HTTPTypes
import Hummingbird
import Ledger
import Storage
import Time

/// One authenticated request, with everything that is needed to answer it.
struct Call: Sendable {
    let request: Request
    let parameters: Parameters
    let principal: Principal
    let controlPlane: any ControlPlane
    let configuration: GatewayConfiguration
    let ownerToken: OwnerToken

    static let idempotencyKey = HTTPField.Name("Idempotency-Key")!

    /// A part of the path, percent-decoded.
    func parameter(_ name: String) -> String {
        let text = parameters.get(name) ?? ""
        return Self.percentDecoded(text)
    }

    /// RFC 3986, section 2.1; text that is not well-formed stays as it is.
    static func percentDecoded(_ text: String) -> String {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return text }
        let parts = text.split(separator: "%", omittingEmptySubsequences: false)
        var bytes = Array((parts.first ?? "").utf8)
        for part in parts.dropFirst() {
            guard let byte = UInt8(part.prefix(2), radix: 16), part.utf8.count >= 2 else {
                return text
            }
            bytes.append(byte)
            bytes.append(contentsOf: part.utf8.dropFirst(2))
        }
        return String(validating: bytes, as: UTF8.self) ?? text
    }

    /// A parameter of the query; `nil` when it is missing or empty.
    func query(_ name: String) -> String? {
        let text = request.uri.queryParameters[Substring(name)].map(String.init)
        return text?.isEmpty == false ? text : nil
    }

    func query<Value>(
        _ name: String,
        _ what: String,
        _ make: (String) -> Value?
    ) throws(Problem) -> Value? {
        guard let text = query(name) else { return nil }
        guard let value = make(text) else { throw .invalid("\(name): must be \(what)") }
        return value
    }

    func read<Result>(
        _ body: (Books, borrowing ReadTransaction) throws(StoreError) -> Result
    ) throws -> Result {
        do throws(StoreError) {
            return try controlPlane.ledger.read(body)
        } catch {
            if case .malformed("cursor") = error {
                throw Problem.invalid("cursor: must be one that a list has given")
            }
            throw error
        }
    }

    /// Makes the ids and secrets of this request's command.
    var mint: Mint {
        Mint(token: ownerToken, actor: principal.actor, idempotencyKey: idempotencyKey)
    }

    private var idempotencyKey: String? { request.headers[Self.idempotencyKey] }

    /// Carries out a change; throws the refusal as a problem. The effect is on disk when it returns.
    @discardableResult
    func submit(_ action: Action, line: ((UInt32) -> Int)? = nil) async throws -> Effect {
        let command = Command(
            at: controlPlane.now,
            actor: principal.actor,
            idempotencyKey: idempotencyKey,
            action: action
        )
        switch try await controlPlane.submit(command) {
        case .done(let effect), .repeated(let effect): return effect
        case .refused(.importRow(let row, let device, let fault)):
            let refusal = Refusal.importRow(row: row, device: device, fault: fault)
            throw Problem(refusal, line: line?(row))
        case .refused(let refusal): throw Problem(refusal)
        }
    }
}

extension Call {
    /// The request's body, which has to be a JSON object.
    func fields() async throws -> Fields {
        let bytes = try await bytes()
        guard let json = JSON(parsing: bytes) else { throw Problem.invalid("the body is not JSON") }
        return try Fields(json)
    }

    func bytes() async throws -> [UInt8] {
        let buffer = try await request.body.collect(upTo: configuration.admin.requestSizeBytes)
        return Array(buffer.readableBytesView)
    }

    /// The part of a list that is asked for: `?limit=` (1 to 1,000, default 100) and `?cursor=`.
    func page() throws(Problem) -> (cursor: String?, limit: Int) {
        let limit = try query("limit", "a whole number from 1 to 1000") { text in
            Int(text).flatMap { (1...1_000).contains($0) ? $0 : nil }
        }
        return (query("cursor"), limit ?? 100)
    }

    /// A list, as JSON or, with `Accept: text/csv`, as CSV.
    func list(_ items: [JSON], cursor: String?) -> Response {
        guard request.headers[.accept]?.contains("text/csv") == true else {
            return .json(["items": .array(items), "cursor": JSON(cursor)])
        }
        var response = Response(.ok, "text/csv; charset=utf-8", Array(CSV.text(of: items).utf8))
        if let cursor, let name = HTTPField.Name("Tollgate-Cursor") {
            response.headers[name] = cursor
        }
        return response
    }

    /// A thing that was made just now.
    func created(_ json: JSON, at location: String) -> Response {
        var response = Response.json(json, status: .created)
        response.headers[.location] = location
        return response
    }
}

extension Call {
    /// The account that the path names, if the caller reaches it.
    func account() throws -> AccountID {
        let text = parameter("id")
        guard let id = AccountID(text) else {
            throw Problem.notFound("there is no account \(text)")
        }
        try principal.require(id)
        guard
            try read({ (books, transaction) throws(StoreError) in
                try books.account(id, in: transaction)
            }) != nil
        else { throw Problem(.unknownAccount(id)) }
        return id
    }

    /// The product that the path names, if the caller reaches it and it was not deleted.
    func product() throws -> (key: ProductKey, record: ProductRecord) {
        let text = parameter("pk")
        guard let key = ProductKey(text) else {
            throw Problem.notFound("there is no product \(text)")
        }
        return (key, try product(key))
    }

    func product(_ key: ProductKey) throws -> ProductRecord {
        let record = try read { (books, transaction) throws(StoreError) in
            try books.product(key, in: transaction)
        }
        guard let record, !record.isDeleted else { throw Problem(.unknownProduct(key)) }
        try principal.require(key, of: record.account)
        return record
    }

    /// The device that the path names, and its product. Whether there is such a device is not asked.
    func identity() throws -> (identity: DeviceIdentity, product: ProductRecord) {
        let (key, record) = try product()
        let text = parameter("dk")
        guard let device = DeviceKey(text) else {
            throw Problem.notFound("there is no device \(text)")
        }
        return (DeviceIdentity(product: key, device: device), record)
    }

    /// The registered device that the path names.
    func device() throws -> (identity: DeviceIdentity, product: ProductRecord, record: DeviceRecord)
    {
        let (identity, product) = try identity()
        let record = try read { (books, transaction) throws(StoreError) in
            try books.device(identity, in: transaction)
        }
        guard let record, record.isRegistered else { throw Problem(.unknownDevice(identity)) }
        return (identity, product, record)
    }
}
