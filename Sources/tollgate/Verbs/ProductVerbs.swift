import Admin
import ArgumentParser

struct PackageVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "package",
        abstract: "What a code lets its device do.",
        subcommands: [List.self, Show.self, Create.self]
    )

    struct List: AsyncParsableCommand {
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await api.list(
                "packages",
                columns: [
                    "id", "name", "validityDays", "messagesPerDay", "otaPerMonth", "storageDays",
                ]
            )
        }
    }

    struct Show: AsyncParsableCommand {
        @Argument var id: String
        @OptionGroup var api: APIOptions

        func run() async throws { try await api.show(.get, "packages/\(id.escaped)") }
    }

    struct Create: AsyncParsableCommand {
        @Option var name: String
        @Option(help: "How long an activation runs, in days.") var validityDays: Int64
        @Option(help: "Messages per device and day; no limit when left out.")
        var messagesPerDay: Int64?
        @Option(help: "OTA attempts of 5 MB per device and month. Default: 1.") var otaPerMonth:
            Int64?
        @Option(help: "Days that messages are kept. Default: 7.") var storageDays: Int64?
        @Option(help: "Its id; made when left out.") var id: String?
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await api.show(
                .post,
                "packages",
                .object(of: [
                    ("id", id.map { .text($0) }), ("name", .text(name)),
                    ("validityDays", .integer(validityDays)),
                    ("messagesPerDay", messagesPerDay.map { .integer($0) }),
                    ("otaPerMonth", otaPerMonth.map { .integer($0) }),
                    ("storageDays", storageDays.map { .integer($0) }),
                ])
            )
        }
    }
}

struct ProductVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "product",
        abstract: "Kinds of devices, each with a package and a pool of codes.",
        subcommands: [
            List.self, Show.self, Create.self, Update.self, Upgrade.self, Usage.self, Delete.self,
            ShowSecret.self, RotateSecret.self, RevokeSecret.self,
        ]
    )

    struct ShowSecret: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows the secret that its devices register with.")

        @Argument var pk: String
        @OptionGroup var api: APIOptions

        func run() async throws { try await api.show(.get, "products/\(pk.escaped)/secret") }
    }

    struct RotateSecret: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Gives it another secret; the one before is taken for a while still.")

        @Argument var pk: String
        @Option(help: "How long the one before is taken, in hours. Default: 24.")
        var overlapHours: Int64?
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await api.show(
                .post, "products/\(pk.escaped)/secret/rotate",
                .object(of: [("overlapHours", overlapHours.map { .integer($0) })]))
        }
    }

    struct RevokeSecret: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lets no device register itself by a secret, until there is another one.")

        @Argument var pk: String
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await api.show(.post, "products/\(pk.escaped)/secret/revoke")
        }
    }

    struct List: AsyncParsableCommand {
        @Option(help: "Only this account's.") var account: String?
        @Option(help: "Only what is counted in that data centre.") var dataCentre: String?
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await api.list(
                "products" + query([("account", account), ("dataCentre", dataCentre)]),
                columns: [
                    "pk", "name", "account", "package", "codes.assigned", "codes.remaining",
                    "codes.consumed", "devices.known", "devices.active", "devices.online",
                ]
            )
        }
    }

    struct Show: AsyncParsableCommand {
        @Argument var pk: String
        @OptionGroup var api: APIOptions

        func run() async throws { try await api.show(.get, "products/\(pk.escaped)") }
    }

    struct Create: AsyncParsableCommand {
        @Option var name: String
        @Option var account: String
        @Option(help: "Its ProductKey; made when left out.") var pk: String?
        @Option(help: "Its package; set by the first codes when left out.") var package: String?
        @Option(help: "open, imported or closed. Default: imported.") var registration: String?
        @Option(help: "Where its day begins, in minutes east of UTC.") var dayOffsetMinutes: Int64?
        @Option(help: "Where its codes are counted. Default: here.") var dataCentre: String?
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await api.show(
                .post,
                "products",
                .object(of: [
                    ("pk", pk.map { .text($0) }), ("name", .text(name)),
                    ("account", .text(account)), ("package", package.map { .text($0) }),
                    ("registration", registration.map { .text($0) }),
                    ("dayOffsetMinutes", dayOffsetMinutes.map { .integer($0) }),
                    ("dataCentre", dataCentre.map { .text($0) }),
                ])
            )
        }
    }

    struct Update: AsyncParsableCommand {
        @Argument var pk: String
        @Option var name: String?
        @Option(help: "true or false.") var autoRenewal: Bool?
        @Option(help: "open, imported or closed.") var registration: String?
        @Option(help: "Where its day begins, in minutes east of UTC.") var dayOffsetMinutes: Int64?
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await api.show(
                .patch,
                "products/\(pk.escaped)",
                .object(of: [
                    ("name", name.map { .text($0) }),
                    ("autoRenewal", autoRenewal.map { .bool($0) }),
                    ("registration", registration.map { .text($0) }),
                    ("dayOffsetMinutes", dayOffsetMinutes.map { .integer($0) }),
                ])
            )
        }
    }

    struct Upgrade: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Gives all its devices and codes a better package.")

        @Argument var pk: String
        @Argument var package: String
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await api.show(
                .post, "products/\(pk.escaped)/upgrade", ["package": .text(package)])
        }
    }

    struct Usage: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The messages of all its devices, day by day.")

        @Argument var pk: String
        @Option(help: "The first day, like 2026-11-21. Default: 30 days before the last.") var from:
            String?
        @Option(help: "The last day. Default: today.") var to: String?
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await api.list(
                "products/\(pk.escaped)/usage" + query([("from", from), ("to", to)]),
                columns: ["day", "used"]
            )
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Deletes it for good: its codes do not come back, its devices are refused.")

        @Argument var pk: String
        @OptionGroup var api: APIOptions

        func run() async throws { try await api.show(.delete, "products/\(pk.escaped)") }
    }
}
