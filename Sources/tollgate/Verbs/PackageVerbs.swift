import ArgumentParser

struct PackageVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "package", abstract: "What a code lets its device do.",
        subcommands: commands(List.self, Show.self, Create.self, Rename.self))

    struct List: Verb {
        static let about = "The packages, by id."
        static let example = "package list"
        var request: APIRequest {
            .list("packages", by: "id name validityDays messagesPerDay otaPerMonth storageDays")
        }
    }

    struct Show: Verb {
        static let about = "What a package gives."
        static let example = "package show basic"
        @Argument(help: "The package's id.") var id: String
        var request: APIRequest { .get("packages/\(id.escaped)") }
    }

    struct Rename: Verb {
        static let about = "Gives a package another name; what it gives stays."
        static let example = "package rename basic 'Basic, 2027'"
        @Argument(help: "The package's id.") var id: String
        @Argument(help: "The new name.") var name: String
        var request: APIRequest { .patch("packages/\(id.escaped)", ["name": name]) }
    }

    struct Create: Verb {
        static let about = "Makes a package."
        static let example =
            "package create --id basic --name Basic --validity-days 365 --messages-per-day 1500"
        @Option(help: .name) var name: String
        @Option(help: "How long an activation runs, in days.") var validityDays: Int64
        @Option(help: "Messages per device and day; no limit when left out.")
        var messagesPerDay: Int64?
        @Option(help: "OTA attempts of 5 MB per device and month. Default: 1.") var otaPerMonth:
            Int64?
        @Option(help: "Days that messages are kept. Default: 7.") var storageDays: Int64?
        @Option(help: .id) var id: String?
        var request: APIRequest {
            .post(
                "packages",
                [
                    "id": id, "name": name, "validityDays": validityDays,
                    "messagesPerDay": messagesPerDay, "otaPerMonth": otaPerMonth,
                    "storageDays": storageDays,
                ])
        }
    }
}
