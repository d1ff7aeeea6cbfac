import Admin
import ArgumentParser

struct AccountVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "account",
        abstract: "Tenants, which own products and codes.",
        subcommands: [
            List.self, Show.self, Create.self, Update.self, Certify.self, SubAccounts.self,
            CreateSubAccount.self, Contacts.self, AddContact.self, RemoveContact.self,
        ]
    )

    private static let columns = [
        "id", "name", "kind", "codes.total", "codes.used", "codes.remaining", "codes.unassigned",
    ]

    struct List: AsyncParsableCommand {
        @Option(help: "Only what is counted in that data centre.") var dataCentre: String?
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await api.list(
                "accounts" + query([("dataCentre", dataCentre)]), columns: columns)
        }
    }

    struct Show: AsyncParsableCommand {
        @Argument var id: String
        @Option(help: "Only what is counted in that data centre.") var dataCentre: String?
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await api.show(
                .get, "accounts/\(id.escaped)" + query([("dataCentre", dataCentre)]))
        }
    }

    struct Create: AsyncParsableCommand {
        @Option var name: String
        @Option(help: "enterprise or individual.") var kind = "enterprise"
        @Option(help: "Its id; made when left out.") var id: String?
        @Option(help: "The account it is a sub-account of.") var parent: String?
        @Option(help: "Its owner's e-mail address, where alerts go.") var email: String?
        @Option(help: "Where its unassigned codes are counted.") var dataCentre: String?
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await api.show(
                .post,
                "accounts",
                .object(of: [
                    ("id", id.map { .text($0) }), ("name", .text(name)), ("kind", .text(kind)),
                    ("parent", parent.map { .text($0) }), ("email", email.map { .text($0) }),
                    ("dataCentre", dataCentre.map { .text($0) }),
                ])
            )
        }
    }

    struct Update: AsyncParsableCommand {
        @Argument var id: String
        @Option var name: String?
        @Option(help: "Its owner's e-mail address, where alerts go.") var email: String?
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await api.show(
                .patch,
                "accounts/\(id.escaped)",
                .object(of: [
                    ("name", name.map { .text($0) }), ("email", email.map { .text($0) }),
                ])
            )
        }
    }

    struct Certify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes an individual account, with its sub-accounts, an enterprise.")

        @Argument var id: String
        @OptionGroup var api: APIOptions

        func run() async throws { try await api.show(.post, "accounts/\(id.escaped)/certify") }
    }

    struct SubAccounts: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The sub-accounts of one account.")

        @Argument var id: String
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await api.list("accounts/\(id.escaped)/sub-accounts", columns: columns)
        }
    }

    struct CreateSubAccount: AsyncParsableCommand {
        @Argument(help: "The account it belongs to.") var parent: String
        @Option var name: String
        @Option(help: "Its id; made when left out.") var id: String?
        @Option(help: "Its owner's e-mail address, where alerts go.") var email: String?
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await api.show(
                .post,
                "accounts/\(parent.escaped)/sub-accounts",
                .object(of: [
                    ("id", id.map { .text($0) }), ("name", .text(name)),
                    ("email", email.map { .text($0) }),
                ])
            )
        }
    }
}

/// Who gets an account's alerts besides its owner.
extension AccountVerbs {
    struct Contacts: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Who gets alerts of an account and its sub-accounts besides their owners.")

        @Argument var id: String
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await api.list(
                "accounts/\(id.escaped)/contacts", columns: ["email", "name", "at", "actor"])
        }
    }

    struct AddContact: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Adds a contact, or changes the name of one.")

        @Argument var id: String
        @Argument var email: String
        @Option(help: "Whose address that is.") var name = ""
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await api.show(.put, contact(id, email), ["name": .text(name)])
        }
    }

    struct RemoveContact: AsyncParsableCommand {
        @Argument var id: String
        @Argument var email: String
        @OptionGroup var api: APIOptions

        func run() async throws { try await api.show(.delete, contact(id, email)) }
    }
}

private func contact(_ id: String, _ email: String) -> String {
    "accounts/\(id.escaped)/contacts/\(email.escaped)"
}
