import Admin
import ArgumentParser

struct CodesVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "codes",
        abstract: "Activation codes: bought, assigned, consumed.",
        subcommands: [
            Buy.self, Purchases.self, Assignable.self, Assign.self, Assignments.self,
            Consumed.self, NearExpiry.self,
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
                columns: ["at", "package", "quantity", "product", "source", "firstCode", "actor"]
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
                columns: ["at", "product", "productName", "package", "quantity", "actor"]
            )
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
