import Gateway
import Hummingbird
import Ledger
import Storage
import Time

extension Routes {
    mutating func registerAccounts() {
        on(
            .get, "accounts", "listAccounts", "The accounts, by id", access: .gateway,
            query: [
                Parameter("parent", .id(AccountID.self), "Its sub-accounts only."),
                .dataCentre,
            ],
            answers: .page(of: Documents.account)
        ) { call in try Self.list(of: try call.query("parent", AccountID.init), call) }
        on(
            .get, "accounts/:account", "showAccount",
            "An account, its codes and how many are about to end (rules A1, B11)",
            query: [.dataCentre], answers: .ok(.shownAccount)
        ) { call in
            let id = try call.account()
            let account = try Self.show(
                id, at: try call.query("dataCentre", DataCentreID.init), call)
            return .json(account.adding("nearExpiry", JSON(try Self.nearExpiry(of: id, call))))
        }
        on(
            .post, "accounts", "createAccount", "Create an account, with its free codes (rule A7)",
            access: .gateway,
            body: .json([
                "name": .name,
                "kind": .noted(.choice(AccountKind.self), "A sub-account is what its parent is."),
                "id": .optional(.id(AccountID.self), "Made when it is missing."),
                "parent": .optional(.id(AccountID.self), "Makes it a sub-account."),
                "email": .optional(.email, "The owner's (rule E1)."),
                "dataCentre": .optional(
                    .id(DataCentreID.self),
                    "Where its unassigned codes are counted; the gateway's by default."),
            ]),
            answers: .created(Documents.account),
            problems: [.alreadyExists, .unknownAccount, .parentIsSubAccount, .tooManySubAccounts]
        ) { call in
            let fields = try await call.fields()
            let kind = try fields.required("kind", AccountKind.init(named:))
            let parent = try fields.optional("parent", AccountID.init)
            return try await Self.create(fields, kind, under: parent, call)
        }
        on(
            .patch, "accounts/:account", "updateAccount",
            "Change an account; what is missing stays",
            body: .json(["name": .optional(.name), "email": .optional(.email)]),
            answers: .ok(Documents.account)
        ) { call in
            let id = try call.account()
            let fields = try await call.fields()
            let update = AccountUpdate(
                name: try fields.optionalText("name"),
                email: try fields.optional("email", EmailAddress.init))
            return try await call.answer(.accounts(.update(id, update))) { try Self.show(id, call) }
        }
        on(
            .post, "accounts/:account/certify", "certifyAccount",
            "Make an individual account an enterprise (rule A7)", access: .gateway,
            answers: .ok(Documents.account), problems: [.enterpriseAlready, .certifiedWithParent]
        ) { call in
            let id = try call.account()
            let terms = call.configuration.activation.freeCodes.terms
            return try await call.answer(.accounts(.certify(id, freeCodes: terms))) {
                try Self.show(id, call)
            }
        }
        on(
            .get, "accounts/:account/sub-accounts", "listSubAccounts",
            "The sub-accounts of an account, by id", query: [.dataCentre],
            answers: .page(of: Documents.account)
        ) { call in try Self.list(of: try call.account(), call) }
        on(
            .post, "accounts/:account/sub-accounts", "createSubAccount",
            "Create a sub-account; it is of the kind that its parent is", access: .operators,
            body: .json([
                "name": .name,
                "id": .optional(.id(AccountID.self), "Made when it is missing."),
                "email": .optional(.email, "The owner's (rule E1)."),
                "dataCentre": .optional(
                    .id(DataCentreID.self),
                    "Where its unassigned codes are counted; the gateway's by default."),
            ]),
            answers: .created(Documents.account),
            problems: [.alreadyExists, .parentIsSubAccount, .tooManySubAccounts]
        ) { call in
            let parent = try call.account()
            let fields = try await call.fields()
            return try await Self.create(fields, .individual, under: parent, call)
        }
    }

    private static func create(
        _ fields: Fields,
        _ kind: AccountKind,
        under parent: AccountID?,
        _ call: Call
    ) async throws -> Response {
        var mint = call.mint
        let made = "acc-\(mint.text(10))"
        guard let id = try fields.optional("id", AccountID.init) ?? AccountID(made) else {
            preconditionFailure("letters and digits are an id")
        }
        let account = NewAccount(
            id: id,
            name: try fields.text("name"),
            kind: kind,
            parent: parent,
            email: try fields.optional("email", EmailAddress.init),
            dataCentre: try fields.optional("dataCentre", DataCentreID.init)
                ?? call.configuration.home,
            freeCodes: call.configuration.activation.freeCodes.terms
        )
        let action = Action.accounts(.create(account))
        let document = try await call.submit(action) { _ in try show(id, call) }
        return call.created(document, at: "/v1/accounts/\(id)")
    }

    /// All accounts, or the sub-accounts of one.
    private static func list(of parent: AccountID?, _ call: Call) throws -> Response {
        let home = try call.query("dataCentre", DataCentreID.init)
        let (cursor, limit) = try call.page()
        let (items, next) = try call.read { books, transaction in
            let page = try books.accounts(
                parent: parent, cursor: cursor, limit: limit, in: transaction)
            var items: [JSON] = []
            for (id, record) in page.elements {
                items.append(try document(id, record, at: home, books, transaction))
            }
            return (items, page.cursor)
        }
        return call.list(items, cursor: next)
    }

    static func show(
        _ id: AccountID,
        at home: DataCentreID? = nil,
        _ call: Call
    ) throws -> JSON {
        try call.read(or: .accounts(.unknown(id))) { books, transaction in
            guard let record = try books.account(id, in: transaction) else { return nil }
            return try document(id, record, at: home, books, transaction)
        }
    }

    /// Its devices whose activation is about to end, those of its sub-accounts not among them.
    private static func nearExpiry(of id: AccountID, _ call: Call) throws -> Int {
        let now = call.controlPlane.now
        let days = Int64(call.configuration.activation.nearExpiryDays)
        let filter = ActivationFilter(accounts: [id], products: call.principal.products)
        var count = 0
        var cursor: String?
        repeat {
            let page = try call.read {
                try $0.nearExpiry(
                    at: now, withinMilliseconds: now.adding(days: days).milliseconds(since: now),
                    filter, cursor: cursor, limit: 1_000, in: $1)
            }
            count += page.elements.count
            cursor = page.cursor
        } while cursor != nil && count < Documents.nearExpiryMaximum
        return min(count, Documents.nearExpiryMaximum)
    }

    private static func document(
        _ id: AccountID,
        _ record: AccountRecord,
        at home: DataCentreID?,
        _ books: Books,
        _ transaction: borrowing ReadTransaction
    ) throws(StoreError) -> JSON {
        let figures = try books.figures(of: id, at: home, in: transaction)
        let metadata = try books.metadata(of: .account(id), in: transaction)
        return Documents.account(
            (id, record, figures, try books.holdings(of: id, in: transaction), metadata))
    }
}

/// Who gets an account's alerts besides its owner (rule E1). An account and its sub-accounts have one
/// list, which the keys of each of them reach by either's path.
extension Routes {
    mutating func registerContacts() {
        on(
            .get, "accounts/:account/contacts", "listContacts",
            "Who gets an account's alerts besides its owner, by address", access: .managers,
            answers: .page(of: Documents.contact)
        ) { call in
            let account = try call.contactsAccount()
            return try call.list(Documents.contact) {
                try $0.contacts(of: account, cursor: $1, limit: $2, in: $3)
            }
        }
        on(
            .put, "accounts/:account/contacts/:email", "putContact",
            "Add a contact, or change its name", body: .json(["name": .optional(.optionalName)]),
            answers: .ok(Documents.contact), problems: [.tooManyContacts]
        ) { call in
            let account = try call.contactsAccount()
            let email = call.parameter("email", EmailAddress.init)
            let name = try await call.fields().optionalText("name") ?? ""
            let action = AccountAction.putContact(account, Contact(email: email, name: name))
            return try await call.answer(.accounts(action)) {
                let contact = try call.read(or: .accounts(.unknownContact(account, email))) {
                    try $0.contact(email, of: account, in: $1)
                }
                return Documents.contact(contact)
            }
        }
        on(
            .delete, "accounts/:account/contacts/:email", "removeContact", "Remove a contact",
            answers: .noContent
        ) { call in
            let account = try call.contactsAccount()
            let email = call.parameter("email", EmailAddress.init)
            try await call.submit(.accounts(.removeContact(account, email)))
            return Response(status: .noContent)
        }
    }
}

extension Call {
    /// The account that the path names, if the caller reaches its contacts.
    fileprivate func contactsAccount() throws -> AccountID {
        let id = parameter("account", AccountID.init)
        try principal.requireContacts(of: id)
        let record = try read { try $0.account(id, in: $1) }
        guard record != nil else { throw Problem(.accounts(.unknown(id))) }
        return id
    }
}
