import Admin
import ArgumentParser

struct CodesVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "codes",
        abstract: "Activation codes: bought, assigned, consumed.",
        subcommands: [
            Buy.self, Purchases.self, Assignable.self, Assign.self, Assignments.self,
            Consumed.self, NearExpiry.self, VoidPurchase.self, VoidAssignment.self,
        ]
    )

    struct Buy: AsyncParsableCommand {
        @Argument var account: String
        @Option var package: String
        @Option var quantity: Int64
        @Option(help: "The product they are for; unassigned when left out.") var product: String?
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await api.show(
                .post,
                "accounts/\(account.escaped)/purchases",
                .object(of: [
                    ("package", .text(package)), ("quantity", .integer(quantity)),
                    ("product", product.map { .text($0) }),
                ])
            )
        }
    }

    struct Purchases: AsyncParsableCommand {
        @Argument var account: String
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await api.list(
                "accounts/\(account.escaped)/purchases",
                columns: [
                    "at", "package", "quantity", "product", "source", "firstCode", "actor",
                    "voided",
                ]
            )
        }
    }

    struct Assignable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "How many codes can be assigned to a product.")

        @Argument var account: String
        @Argument var product: String
        @OptionGroup var api: APIOptions

        func run() async throws {
            let path = "accounts/\(account.escaped)/assignable"
            try await api.show(.get, path + query([("product", product)]))
        }
    }

    struct Assign: AsyncParsableCommand {
        @Argument var account: String
        @Argument var product: String
        @Option var quantity: Int64
        @Option(help: "Their package; the product's when left out.") var package: String?
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await api.show(
                .post,
                "accounts/\(account.escaped)/assignments",
                .object(of: [
                    ("product", .text(product)), ("quantity", .integer(quantity)),
                    ("package", package.map { .text($0) }),
                ])
            )
        }
    }

    struct Assignments: AsyncParsableCommand {
        @Argument var account: String
        @Option(help: "A product's key, or a part of its name.") var product: String?
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await api.list(
                "accounts/\(account.escaped)/assignments" + query([("product", product)]),
                columns: [
                    "sequence", "at", "product", "productName", "package", "quantity", "voided",
                    "actor",
                ]
            )
        }
    }

    struct VoidPurchase: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Voids the codes of a purchase that are not consumed (owners only).")

        @Argument var account: String
        @Argument(help: "The purchase's first code.") var code: String
        @Option(help: "Why; the history keeps it.") var cause: String
        @OptionGroup var api: APIOptions

        func run() async throws {
            let path = "accounts/\(account.escaped)/purchases/\(code.escaped)/void"
            try await api.show(.post, path, ["cause": .text(cause)])
        }
    }

    struct VoidAssignment: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Takes back the codes of an assignment that are not consumed (owners only).")

        @Argument var account: String
        @Argument(help: "Its sequence number in the list.") var sequence: UInt64
        @Option(help: "Why; the history keeps it.") var cause: String
        @OptionGroup var api: APIOptions

        func run() async throws {
            let path = "accounts/\(account.escaped)/assignments/\(sequence)/void"
            try await api.show(.post, path, ["cause": .text(cause)])
        }
    }

    struct Consumed: AsyncParsableCommand {
        @Argument var pk: String
        @OptionGroup var activation: ActivationOptions
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await api.list(
                "products/\(pk.escaped)/codes" + query(activation.parameters),
                columns: [
                    "code", "dk", "number", "activatedAt", "expiresAt", "cause", "dataCentre",
                ]
            )
        }
    }

    struct NearExpiry: AsyncParsableCommand {
        @Option(help: "Within how many days. Default: the gateway's setting.") var days: Int?
        @Option(help: "Only this account's.") var account: String?
        @Option(help: "Only this product's.") var product: String?
        @Option(help: "Only of products with that in their name.") var productName: String?
        @OptionGroup var activation: ActivationOptions
        @OptionGroup var api: APIOptions

        func run() async throws {
            let filter = [
                ("days", days.map(String.init)), ("account", account), ("product", product),
                ("productName", productName),
            ]
            try await api.list(
                "near-expiry" + query(filter + activation.parameters),
                columns: ["expiresAt", "pk", "dk", "productName", "account", "autoRenewal"]
            )
        }
    }
}

/// Which activations are meant: by device, activation date and expiry date.
struct ActivationOptions: ParsableArguments {
    @Option(help: "Only this device's.") var device: String?
    @Option(help: "Activated at or after, like 2026-11-21T00:00:00Z.") var activatedFrom: String?
    @Option(help: "Activated before.") var activatedTo: String?
    @Option(help: "Ends at or after.") var expiresFrom: String?
    @Option(help: "Ends before.") var expiresTo: String?

    /// As parameters of a query.
    var parameters: [(String, String?)] {
        [
            ("device", device), ("activatedFrom", activatedFrom), ("activatedTo", activatedTo),
            ("expiresFrom", expiresFrom), ("expiresTo", expiresTo),
        ]
    }
}

struct TopUpVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "topup",
        abstract: "Packs of extra messages and OTA attempts, shared by an account's devices.",
        subcommands: [
            Buy.self, Gift.self, List.self, Totals.self, Changes.self, VoidPack.self,
        ]
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
                    "voided", "expiresAt", "at", "actor",
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
                    "actor", "devices",
                ],
                limit: limit
            )
        }
    }
}

extension TopUpVerbs {
    struct VoidPack: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "void",
            abstract: "Voids the units of a pack that are not used (owners only).")

        @Argument var account: String
        @Argument(help: "Its id in the list.") var pack: UInt64
        @Option(help: "Why; the history keeps it.") var cause: String
        @OptionGroup var api: APIOptions

        func run() async throws {
            let path = "accounts/\(account.escaped)/topups/\(pack)/void"
            try await api.show(.post, path, ["cause": .text(cause)])
        }
    }
}

/// What a new top-up pack is made of.
struct PackOptions: ParsableArguments {
    @Argument var account: String
    @Option(help: "messages or ota.") var kind: String
    @Option(help: "Messages, or OTA attempts of 5 MB (5,242,880 bytes).") var quantity: Int64
    @Option(help: "When it ends, like 2027-01-01T00:00:00Z.") var expiresAt: String

    func enter(_ source: String, _ api: APIOptions) async throws {
        try await api.show(
            .post,
            "accounts/\(account.escaped)/topups",
            [
                "kind": .text(kind), "source": .text(source), "quantity": .integer(quantity),
                "expiresAt": .text(expiresAt),
            ]
        )
    }
}
