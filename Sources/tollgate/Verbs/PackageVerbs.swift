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
        @Option(help: "OTA upgrades per device and month. Default: 1.") var otaPerMonth: Int64?
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
