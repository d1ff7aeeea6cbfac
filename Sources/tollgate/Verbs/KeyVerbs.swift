import Admin
import ArgumentParser

struct KeyVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key",
        abstract: "Keys of applications and operators.",
        subcommands: [List.self, Show.self, Create.self, Revoke.self]
    )

    struct List: AsyncParsableCommand {
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await api.list(
                "keys",
                columns: ["id", "name", "role", "account", "products", "createdAt", "revokedAt"]
            )
        }
    }

    struct Show: AsyncParsableCommand {
        @Argument var id: String
        @OptionGroup var api: APIOptions

        func run() async throws { try await api.show(.get, "keys/\(id.escaped)") }
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes a key; its secret is shown once.")

        @Option var name: String
        @Option(help: "application, operator, sub-account or owner.") var role = "application"
        @Option(
            help: "The account it reaches; when left out, every account, or the products alone.")
        var account: String?
        @Option(
            parsing: .upToNextOption,
            help: "The products it reaches; all of the account's when left out."
        )
        var products: [String] = []
        @OptionGroup var api: APIOptions

        func run() async throws {
            let products: JSON? =
                products.isEmpty ? nil : .array(products.map { .text($0) })
            try await api.show(
                .post,
                "keys",
                .object(of: [
                    ("name", .text(name)), ("role", .text(role)),
                    ("account", account.map { .text($0) }), ("products", products),
                ])
            )
        }
    }

    struct Revoke: AsyncParsableCommand {
        @Argument var id: String
        @OptionGroup var api: APIOptions

        func run() async throws { try await api.show(.post, "keys/\(id.escaped)/revoke") }
    }
}
