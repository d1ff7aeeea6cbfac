import Admin
import ArgumentParser

struct AccountVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "account",
        abstract: "Tenants, which own products and codes.",
        subcommands: [List.self, Show.self, Create.self]
    )

    struct List: AsyncParsableCommand {
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await api.list(
                "accounts",
                columns: [
                    "id", "name", "kind", "codes.total", "codes.used", "codes.remaining",
                    "codes.unassigned",
                ]
            )
        }
    }

    struct Show: AsyncParsableCommand {
        @Argument var id: String
        @OptionGroup var api: APIOptions

        func run() async throws { try await api.show(.get, "accounts/\(id.escaped)") }
    }

    struct Create: AsyncParsableCommand {
        @Option var name: String
        @Option(help: "enterprise or individual.") var kind = "enterprise"
        @Option(help: "Its id; made when left out.") var id: String?
        @Option(help: "The account it is a sub-account of.") var parent: String?
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await api.show(
                .post,
                "accounts",
                .object(of: [
                    ("id", id.map { .text($0) }), ("name", .text(name)), ("kind", .text(kind)),
                    ("parent", parent.map { .text($0) }),
                ])
            )
        }
    }
}
