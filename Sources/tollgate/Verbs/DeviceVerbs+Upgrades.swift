import Admin
import ArgumentParser

/// OTA upgrades (rules D1 and D2).
extension DeviceVerbs {
    struct RequestUpgrade: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Asks whether an OTA upgrade may start, and pays for it.",
            discussion: "Each 5 MB (5,242,880 bytes) begun take an attempt."
        )

        @Argument var pk: String
        @Argument var dk: String
        @Argument(help: "The upgrade's id.") var id: String
        @Option(help: "Of the upgrade's package.") var sizeBytes: Int64
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await api.show(
                .post,
                DeviceVerbs.path(pk, dk) + "/upgrades",
                ["id": .text(id), "sizeBytes": .integer(sizeBytes)]
            )
        }
    }

    struct ReportUpgrade: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Reports how an OTA upgrade ended; a failed one costs nothing.")

        enum Outcome: String, ExpressibleByArgument, CaseIterable { case succeeded, failed }

        @Argument var pk: String
        @Argument var dk: String
        @Argument(help: "The upgrade's id.") var id: String
        @Argument var outcome: Outcome
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await api.show(
                .patch,
                DeviceVerbs.path(pk, dk) + "/upgrades/\(id.escaped)",
                ["state": .text(outcome.rawValue)]
            )
        }
    }

    struct Upgrades: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Its OTA upgrades, the latest first.")

        @Argument var pk: String
        @Argument var dk: String
        @Option(help: "At most so many.") var limit: Int?
        @OptionGroup var api: APIOptions

        func run() async throws {
            try await api.list(
                DeviceVerbs.path(pk, dk) + "/upgrades",
                columns: [
                    "id", "state", "sizeBytes", "attempts", "fromAllowance", "fromPacks", "month",
                    "requestedAt", "reportedAt",
                ],
                limit: limit
            )
        }
    }
}
