import Gateway
import Hummingbird
import Ledger
import Storage

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
            try await call.submit(
                .account(.putContact(account, Contact(email: email, name: name))))
            let record = try call.read { (books, transaction) throws(StoreError) in
                try books.contact(email, of: account, in: transaction)
            }
            guard let record else { throw Problem(.unknownContact(account, email)) }
            return .json(Documents.contact(email, record))
        }
        on(
            .delete, "accounts/:account/contacts/:email",
            Operation("removeContact", "Remove a contact", answers: .noContent)
        ) { call in
            let account = try call.contactsAccount()
            let email = call.parameter("email", EmailAddress.init)
            try await call.submit(.account(.removeContact(account, email)))
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
        guard record != nil else { throw Problem(.unknownAccount(id)) }
        return id
    }
}
