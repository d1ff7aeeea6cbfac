import Admin
import ArgumentParser

struct TopUpVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "topup",
        abstract: "Packs of extra messages and OTA attempts, shared by an account's devices.",
        subcommands: [Buy.self, Gift.self, List.self, Totals.self, Changes.self]
    )

    struct Buy: AsyncParsableCommand {
        @OptionGroup var pack: PackOptions
        @OptionGroup var api: APIOptions

        func run() async throws { try await pack.enter("purchase", api) }
    }

    struct Gift: AsyncParsableCommand {
        @OptionGroup var pack: PackOptions
        @OptionGroup var api: APIOptions

        func run() async throws { try await pack.enter("gift", api) }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The packs, in the order they are drawn from.")

        @Argument var account: String
        @Option(help: "messages or ota.") var kind: String?
        @Flag(help: "Only those that something can be drawn from now.") var open = false
        @OptionGroup var api: APIOptions

        func run() async throws {
            let filter = query([("kind", kind), ("open", open ? "true" : nil)])
            try await api.list(
                "accounts/\(account.escaped)/topups\(filter)",
                columns: [
                    "id", "kind", "source", "quantity", "remaining", "leased", "used", "expired",
                    "expiresAt", "at", "actor",
                ]
            )
        }
    }

    struct Totals: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "The sums over all packs.")

        @Argument var account: String
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await api.show(.get, "accounts/\(account.escaped)/topups/totals")
        }
    }

    struct Changes: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "What became of the packs, the latest first.")

        @Argument var account: String
        @Option(help: "messages or ota.") var kind: String?
        @Option(help: "At most so many.") var limit: Int?
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await api.list(
                "accounts/\(account.escaped)/topups/changes" + query([("kind", kind)]),
                columns: [
                    "sequence", "at", "change", "kind", "units", "pack", "pk", "dk", "upgrade",
                    "actor",
                ],
                limit: limit
            )
        }
    }
}
