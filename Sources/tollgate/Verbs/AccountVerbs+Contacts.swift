import Admin
import ArgumentParser

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
