import Gateway
import Hummingbird
import Ledger
import Storage
import Time

extension Routes {
    mutating func registerAccounts() {
        on(
            .get, "accounts",
            Operation(
                "listAccounts", "The accounts, by id", access: .gateway,
                query: [
                    Parameter("parent", .id(AccountID.self), "Its sub-accounts only."),
                    .dataCentre,
                ],
                answers: .page(of: .account))
        ) { call in try Self.list(of: try call.query("parent", AccountID.init), call) }
        on(
            .get, "accounts/:account",
            Operation(
                "showAccount",
                "An account, its codes and how many are about to end (rules A1, B11)",
                query: [.dataCentre], answers: .ok(.shownAccount))
        ) { call in
            let id = try call.account()
            let account = try Self.show(
                id, at: try call.query("dataCentre", DataCentreID.init), call)
            return .json(account.adding("nearExpiry", JSON(try Self.nearExpiry(of: id, call))))
        }
        on(
            .post, "accounts",
            Operation(
                "createAccount", "Create an account, with its free codes (rule A7)",
                access: .gateway,
                body: .json([
                    "name": .name,
                    "kind": .noted(
                        .choice(AccountKind.self), "A sub-account is what its parent is."),
                    "id": .noted(.optional(.id(AccountID.self)), "Made when it is missing."),
                    "parent": .noted(.optional(.id(AccountID.self)), "Makes it a sub-account."),
                    "email": .noted(.optional(.email), "The owner's (rule E1)."),
                    "dataCentre": .noted(
                        .optional(.id(DataCentreID.self)),
                        "Where its unassigned codes are counted; the gateway's by default."),
                ]),
                answers: .created(.account),
                problems: [
                    .alreadyExists, .unknownAccount, .parentIsSubAccount,
                    .tooManySubAccounts,
                ])
        ) { call in
            let fields = try await call.fields()
            let kind = try fields.required("kind", AccountKind.init(named:))
            let parent = try fields.optional("parent", AccountID.init)
            return try await Self.create(fields, kind, under: parent, call)
        }
        registerAccountChanges()
        registerSubAccounts()
    }

    private mutating func registerAccountChanges() {
        on(
            .patch, "accounts/:account",
            Operation(
                "updateAccount", "Change an account; what is missing stays",
                body: .json(["name": .optional(.name), "email": .optional(.email)]),
                answers: .ok(.account))
        ) { call in
            let id = try call.account()
            let fields = try await call.fields()
            let update = AccountUpdate(
                name: try fields.optionalText("name"),
                email: try fields.optional("email", EmailAddress.init)
            )
            return .json(
                try await call.submit(.accounts(.update(id, update))) { _ in
                    try Self.show(id, call)
                })
        }
        on(
            .post, "accounts/:account/certify",
            Operation(
                "certifyAccount", "Make an individual account an enterprise (rule A7)",
                access: .gateway, answers: .ok(.account),
                problems: [.enterpriseAlready, .certifiedWithParent])
        ) { call in
            let id = try call.account()
            let terms = call.configuration.activation.freeCodes.terms
            return .json(
                try await call.submit(.accounts(.certify(id, freeCodes: terms))) { _ in
                    try Self.show(id, call)
                })
        }
    }

    private mutating func registerSubAccounts() {
        on(
            .get, "accounts/:account/sub-accounts",
            Operation(
                "listSubAccounts", "The sub-accounts of an account, by id",
                query: [.dataCentre], answers: .page(of: .account))
        ) { call in try Self.list(of: try call.account(), call) }
        on(
            .post, "accounts/:account/sub-accounts",
            Operation(
                "createSubAccount", "Create a sub-account; it is of the kind that its parent is",
                access: .operators,
                body: .json([
                    "name": .name,
                    "id": .noted(.optional(.id(AccountID.self)), "Made when it is missing."),
                    "email": .noted(.optional(.email), "The owner's (rule E1)."),
                    "dataCentre": .noted(
                        .optional(.id(DataCentreID.self)),
                        "Where its unassigned codes are counted; the gateway's by default."),
                ]),
                answers: .created(.account),
                problems: [.alreadyExists, .parentIsSubAccount, .tooManySubAccounts])
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
        let document = try await call.submit(.accounts(.create(account))) { _ in try show(id, call)
        }
        return call.created(document, at: "/v1/accounts/\(id)")
    }

    /// All accounts, or the sub-accounts of one.
    private static func list(of parent: AccountID?, _ call: Call) throws -> Response {
        let home = try call.query("dataCentre", DataCentreID.init)
        let (cursor, limit) = try call.page()
        let (items, next) = try call.read { (books, transaction) throws(StoreError) in
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

    private static func show(
        _ id: AccountID,
        at home: DataCentreID? = nil,
        _ call: Call
    ) throws -> JSON {
        let document = try call.read { (books, transaction) throws(StoreError) -> JSON? in
            guard let record = try books.account(id, in: transaction) else { return nil }
            return try Self.document(id, record, at: home, books, transaction)
        }
        guard let document else { throw Problem(.accounts(.unknown(id))) }
        return document
    }

    /// Its devices whose activation is about to end, those of its sub-accounts not among them.
    private static func nearExpiry(of id: AccountID, _ call: Call) throws -> Int {
        let now = call.controlPlane.now
        let days = Int64(call.configuration.activation.nearExpiryDays)
        let filter = ActivationFilter(accounts: [id], products: call.principal.products)
        var count = 0
        var cursor: String?
        repeat {
            let page = try call.read { [cursor] (books, transaction) throws(StoreError) in
                try books.nearExpiry(
                    at: now, withinMilliseconds: now.adding(days: days).milliseconds(since: now),
                    filter, cursor: cursor, limit: 1_000, in: transaction)
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
        Documents.account(
            id,
            record,
            try books.figures(of: id, at: home, in: transaction),
            holdings: try books.holdings(of: id, in: transaction)
        )
    }
}

/// Who gets an account's alerts besides its owner (rule E1). An account and its sub-accounts have one
/// list, which the keys of each of them reach by either's path.
extension Routes {
    mutating func registerContacts() {
        on(
            .get, "accounts/:account/contacts",
            Operation(
                "listContacts", "Who gets an account's alerts besides its owner, by address",
                access: .managers, answers: .page(of: .contact))
        ) { call in
            let account = try call.contactsAccount()
            let (cursor, limit) = try call.page()
            let page = try call.read { (books, transaction) throws(StoreError) in
                try books.contacts(of: account, cursor: cursor, limit: limit, in: transaction)
            }
            return call.list(
                page.elements.map { Documents.contact($0.email, $0.record) },
                cursor: page.cursor
            )
        }
        on(
            .put, "accounts/:account/contacts/:email",
            Operation(
                "putContact", "Add a contact, or change its name",
                body: .json(["name": .optional(.optionalName)]),
                answers: .ok(.contact), problems: [.tooManyContacts])
        ) { call in
            let account = try call.contactsAccount()
            let email = call.parameter("email", EmailAddress.init)
            let name = try await call.fields().optionalText("name") ?? ""
            let action = AccountAction.putContact(account, Contact(email: email, name: name))
            let document = try await call.submit(.accounts(action)) { _ in
                let contact = try call.read { (books, transaction) throws(StoreError) in
                    try books.contact(email, of: account, in: transaction)
                }
                guard let contact else { throw Problem(.accounts(.unknownContact(account, email))) }
                return Documents.contact(contact.email, contact.record)
            }
            return .json(document)
        }
        on(
            .delete, "accounts/:account/contacts/:email",
            Operation("removeContact", "Remove a contact", answers: .noContent)
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
        let record = try read { (books, transaction) throws(StoreError) in
            try books.account(id, in: transaction)
        }
        guard record != nil else { throw Problem(.accounts(.unknown(id))) }
        return id
    }
}
