import Gateway
import Hummingbird
import Ledger
import Storage
import TLS

/// Keys of applications and operators. Only whoever runs the gateway makes and revokes them.
extension Routes {
    func registerKeys() {
        on(.get, "keys") { call in
            try call.principal.requireOperator()
            let account = try call.query("account", "an account's id", AccountID.init)
            let (cursor, limit) = try call.page()
            let page = try call.read { (books, transaction) throws(StoreError) in
                try books.keys(of: account, cursor: cursor, limit: limit, in: transaction)
            }
            return call.list(
                page.elements.map { Documents.key($0.id, $0.record) },
                cursor: page.cursor
            )
        }
        on(.get, "keys/:id") { call in
            let (id, record) = try Self.key(call)
            return .json(Documents.key(id, record))
        }
        on(.delete, "keys/:id") { call in
            let (id, record) = try Self.key(call)
            try Self.requireOwner(of: record.role, call)
            try await call.submit(.revokeKey(id))
            return Response(status: .noContent)
        }
        on(.post, "keys") { call in try await Self.createKey(call) }
    }

    private static func key(_ call: Call) throws -> (KeyID, KeyRecord) {
        try call.principal.requireOperator()
        let text = call.parameter("id")
        guard let id = KeyID(text) else { throw Problem.notFound("there is no key \(text)") }
        let record = try call.read { (books, transaction) throws(StoreError) in
            try books.key(id, in: transaction)
        }
        guard let record else { throw Problem(.unknownKey(id)) }
        return (id, record)
    }

    /// Keys that can make keys are the owner's business.
    private static func requireOwner(of role: KeyRole, _ call: Call) throws(Problem) {
        guard role == .owner || role == .operator, call.principal.role != .owner else { return }
        throw .forbidden("keys of role \(role.name) need the role owner")
    }

    private static func createKey(_ call: Call) async throws -> Response {
        try call.principal.requireOperator()
        var fields = try await call.fields()
        var mint = call.mint
        let name = try fields.text("name")
        let role = try fields.required("role", "owner, operator, sub-account or application") {
            text in KeyRole.allCases.first { $0.name == text }
        }
        try requireOwner(of: role, call)
        let account = try fields.optional("account", "an account's id", AccountID.init)
        let products = try products(&fields)
        try fields.end()
        if role == .subAccount, account == nil { throw Problem.invalid("account: is missing") }
        guard let id = KeyID("key\(mint.text(12))") else {
            preconditionFailure("letters and digits are an id")
        }
        let secret = mint.secret()
        let digest = SHA256.hash(Array(secret.text.utf8).span)
        guard let hash = SecretHash((0..<SHA256Digest.length).map { digest.span[$0] }) else {
            preconditionFailure("a digest has 32 bytes")
        }
        let key = NewKey(
            id: id, name: name, role: role, account: account, products: products, secretHash: hash)
        try await call.submit(.createKey(key))
        let record = try call.read { (books, transaction) throws(StoreError) in
            try books.key(id, in: transaction)
        }
        guard let record else { throw Problem(.unknownKey(id)) }
        let document = Documents.key(id, record)
            .adding("secret", .text(secret.text))
            .adding("userName", .text("app:\(id)"))
            .adding("token", .text("\(id).\(secret.text)"))
        return call.created(document, at: "/v1/keys/\(id)")
    }

    private static func products(_ fields: inout Fields) throws(Problem) -> [ProductKey]? {
        guard let list = try fields.optionalArray("products") else { return nil }
        var products: [ProductKey] = []
        for element in list {
            guard let key = element.text.flatMap(ProductKey.init) else {
                throw .invalid("products: must be a list of products' keys")
            }
            products.append(key)
        }
        return products
    }
}
