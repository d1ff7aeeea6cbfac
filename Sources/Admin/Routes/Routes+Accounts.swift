import Hummingbird
import Ledger
import Storage

extension Routes {
    mutating func registerAccounts() {
        on(
            .get, "accounts",
            Operation(
                "listAccounts", "The accounts, by id", access: .gateway,
                query: [Parameter("parent", .id(AccountID.self), "Its sub-accounts only.")],
                answers: .page(of: .account))
        ) { call in
            let parent = try call.query("parent", AccountID.init)
            let (cursor, limit) = try call.page()
            let (items, next) = try call.read { (books, transaction) throws(StoreError) in
                let page = try books.accounts(
                    parent: parent, cursor: cursor, limit: limit, in: transaction)
                var items: [JSON] = []
                for (id, record) in page.elements {
                    items.append(try Self.document(id, record, books, transaction))
                }
                return (items, page.cursor)
            }
            return call.list(items, cursor: next)
        }
        on(
            .get, "accounts/:account",
            Operation("showAccount", "An account and its codes (rule A1)", answers: .ok(.account))
        ) { call in
            .json(try Self.show(try call.account(), call))
        }
        on(
            .post, "accounts",
            Operation(
                "createAccount", "Create an account", access: .gateway,
                body: .json([
                    "name": .name,
                    "kind": .choice(AccountKind.self),
                    "id": .noted(.optional(.id(AccountID.self)), "Made when it is missing."),
                    "parent": .noted(.optional(.id(AccountID.self)), "Makes it a sub-account."),
                ]),
                answers: .created(.account),
                problems: ["already-exists", "unknown-account", "parent-is-sub-account"])
        ) { call in
            let fields = try await call.fields()
            var mint = call.mint
            let name = try fields.text("name")
            let kind = try fields.required("kind", AccountKind.init(named:))
            let id =
                try fields.optional("id", AccountID.init)
                ?? AccountID("acc-\(mint.text(10))")
            let parent = try fields.optional("parent", AccountID.init)
            guard let id else { preconditionFailure("letters and digits are an id") }
            try await call.submit(.createAccount(id, name: name, kind: kind, parent: parent))
            return call.created(try Self.show(id, call), at: "/v1/accounts/\(id)")
        }
    }

    private static func show(_ id: AccountID, _ call: Call) throws -> JSON {
        let document = try call.read { (books, transaction) throws(StoreError) -> JSON? in
            guard let record = try books.account(id, in: transaction) else { return nil }
            return try Self.document(id, record, books, transaction)
        }
        guard let document else { throw Problem(.unknownAccount(id)) }
        return document
    }

    private static func document(
        _ id: AccountID,
        _ record: AccountRecord,
        _ books: Books,
        _ transaction: borrowing ReadTransaction
    ) throws(StoreError) -> JSON {
        Documents.account(
            id,
            record,
            try books.figures(of: id, in: transaction),
            holdings: try books.holdings(of: id, in: transaction)
        )
    }
}
