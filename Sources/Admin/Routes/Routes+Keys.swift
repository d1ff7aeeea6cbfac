import Cryptography
import Gateway
import Hummingbird
import Ledger

/// Keys of applications and operators. Who is bound to an account has the keys of that one and its sub-accounts, and
/// makes none that reaches more or may do more; those of others are unknown to it.
extension Routes {
    mutating func registerKeys() {
        on(
            .get, "keys", "listKeys", "The keys of applications and operators",
            access: .wholeAccounts,
            query: [Parameter("account", .id(AccountID.self), "Bound to that account.")],
            answers: .page(of: Documents.key)
        ) { call in
            let accounts = call.principal.accounts(
                among: try call.query("account", AccountID.init))
            return try call.list(Documents.key) {
                try $0.keys(of: accounts, cursor: $1, limit: $2, in: $3)
            }
        }
        on(
            .get, "keys/:key", "showKey", "A key, without its secret", access: .wholeAccounts,
            answers: .ok(Documents.key)
        ) { call in .json(Documents.key(try Self.key(call))) }
        on(
            .patch, "keys/:key", "renameKey", "Give a key another name", access: .wholeAccounts,
            body: .json(["name": .name]), answers: .ok(Documents.key)
        ) { call in
            let name = try await call.fields().text("name")
            let (id, record) = try Self.key(call)
            try Self.requireOwner(of: record.role, call)
            return try await call.answer(.keys(.rename(id, name))) {
                Documents.key(try Self.key(call))
            }
        }
        on(
            .post, "keys/:key/revoke", "revokeKey", "Revoke a key; it stays in the list",
            access: .wholeAccounts, answers: .ok(Documents.key)
        ) { call in
            let (id, record) = try Self.key(call)
            try Self.requireOwner(of: record.role, call)
            return try await call.answer(.keys(.revoke(id))) { Documents.key(try Self.key(call)) }
        }
        on(
            .post, "keys", "createKey", "Make a key; its secret is shown once",
            access: .wholeAccounts,
            body: .json(.newKeyRequest, upTo: .list(NewKey.productsMaximum)),
            answers: .created(.newKey),
            problems: [.unknownAccount, .unknownProduct, .productOfAnotherAccount]
        ) { call in try await Self.createKey(call) }
    }

    private static func key(_ call: Call) throws -> (id: KeyID, record: KeyRecord) {
        try key(call.parameter("key", KeyID.init), call)
    }

    private static func key(_ id: KeyID, _ call: Call) throws -> (id: KeyID, record: KeyRecord) {
        let record = try call.read(or: .keys(.unknown(id))) { try $0.key(id, in: $1) }
        guard let accounts = call.principal.accounts else { return (id, record) }
        guard let account = record.account, accounts.contains(account) else {
            throw Problem(.keys(.unknown(id)))
        }
        return (id, record)
    }

    /// A key that is bound to an account makes keys of that account, of its sub-accounts, and of their products.
    private static func require(
        _ account: AccountID?, _ products: [ProductKey], _ call: Call
    ) throws {
        guard call.principal.accounts != nil else { return }
        guard let account else {
            throw Problem.forbidden(
                "a key that is bound to an account makes keys of that account: name it")
        }
        try call.account(account)
        for product in products { _ = try call.product(product) }
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
        try require(account, products ?? [], call)
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
