import Gateway
import Hummingbird
import Ledger
import Storage

extension Routes {
    func registerAccounts() {
        on(.get, "accounts") { call in
            try call.principal.requireOperator()
            let parent = try call.query("parent", "an account's id", AccountID.init)
            let (cursor, limit) = try call.page()
            let (items, next) = try call.read { (books, transaction) throws(StoreError) in
                let page =
                    if let parent {
                        try books.subAccounts(
                            of: parent, cursor: cursor, limit: limit, in: transaction)
                    } else {
                        try books.accounts(cursor: cursor, limit: limit, in: transaction)
                    }
                var items: [JSON] = []
                for (id, record) in page.elements {
                    items.append(try Self.document(id, record, books, transaction))
                }
                return (items, page.cursor)
            }
            return call.list(items, cursor: next)
        }
        on(.get, "accounts/:id") { call in
            .json(try Self.show(try call.account(), call))
        }
        on(.post, "accounts") { call in
            try call.principal.requireOperator()
            var fields = try await call.fields()
            var mint = call.mint
            let name = try fields.text("name")
            let kind = try fields.required("kind", "enterprise or individual") { text in
                AccountKind.allCases.first { $0.name == text }
            }
            let id =
                try fields.optional("id", "1 to 64 of A-Z a-z 0-9 _ . -", AccountID.init)
                ?? AccountID("acc-\(mint.text(10))")
            let parent = try fields.optional("parent", "an account's id", AccountID.init)
            try fields.end()
            guard let id else { preconditionFailure("letters and digits are an id") }
            try await call.submit(
                .createAccount(
                    NewAccount(
                        id: id,
                        name: name,
                        kind: kind,
                        parent: parent,
                        dataCentre: call.configuration.home,
                        freeCodes: call.configuration.activation.freeCodes.terms
                    )
                )
            )
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
