import Cryptography
import Gateway
import Hummingbird
import Ledger

/// Keys of applications and operators. Only owners and operators of the whole gateway make and revoke them.
extension Routes {
    mutating func registerKeys() {
        on(
            .get, "keys", "listKeys", "The keys of applications and operators", access: .gateway,
            query: [Parameter("account", .id(AccountID.self), "Bound to that account.")],
            answers: .page(of: Documents.key)
        ) { call in
            let account = try call.query("account", AccountID.init)
            return try call.list(Documents.key) {
                try $0.keys(of: account, cursor: $1, limit: $2, in: $3)
            }
        }
        on(
            .get, "keys/:key", "showKey", "A key, without its secret", access: .gateway,
            answers: .ok(Documents.key)
        ) { call in .json(Documents.key(try Self.key(call))) }
        on(
            .post, "keys/:key/revoke", "revokeKey", "Revoke a key; it stays in the list",
            access: .gateway, answers: .ok(Documents.key)
        ) { call in
            let (id, record) = try Self.key(call)
            try Self.requireOwner(of: record.role, call)
            return try await call.answer(.keys(.revoke(id))) { Documents.key(try Self.key(call)) }
        }
        on(
            .post, "keys", "createKey", "Make a key; its secret is shown once", access: .gateway,
            body: .json(.newKeyRequest, upTo: .list(1_000)), answers: .created(.newKey),
            problems: [.unknownAccount, .unknownProduct, .productOfAnotherAccount]
        ) { call in try await Self.createKey(call) }
    }

    private static func key(_ call: Call) throws -> (id: KeyID, record: KeyRecord) {
        try key(call.parameter("key", KeyID.init), call)
    }

    private static func key(_ id: KeyID, _ call: Call) throws -> (id: KeyID, record: KeyRecord) {
        (id, try call.read(or: .keys(.unknown(id))) { try $0.key(id, in: $1) })
    }

    /// Keys that can make keys are the owner's business.
    private static func requireOwner(of role: KeyRole, _ call: Call) throws(Problem) {
        guard role == .owner || role == .operator, call.principal.role != .owner else { return }
        throw .forbidden("keys of role \(role.name) need the role owner")
    }

    private static func createKey(_ call: Call) async throws -> Response {
        let fields = try await call.fields()
        var mint = call.mint
        let name = try fields.text("name")
        let role = try fields.required("role", KeyRole.init(named:))
        try requireOwner(of: role, call)
        let account = try fields.optional("account", AccountID.init)
        let products = try products(fields)
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
        let shown = try await call.submit(.keys(.create(key))) { _ in
            Documents.key(try Self.key(id, call))
        }
        let document =
            shown
            .adding("secret", .text(secret.text))
            .adding("userName", .text("app:\(id)"))
            .adding("token", .text("\(id).\(secret.text)"))
        return call.created(document, at: "/v1/keys/\(id)")
    }

    private static func products(_ fields: Fields) throws(Problem) -> [ProductKey]? {
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
