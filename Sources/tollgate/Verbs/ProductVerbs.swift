import ArgumentParser

struct PackageVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "package", abstract: "What a code lets its device do.",
        subcommands: commands(List.self, Show.self, Create.self))

    struct List: Verb {
        var request: APIRequest {
            .list("packages", by: "id name validityDays messagesPerDay otaPerMonth storageDays")
        }
    }

    struct Show: Verb {
        @Argument var id: String
        var request: APIRequest { .get("packages/\(id.escaped)") }
    }

    struct Create: Verb {
        @Option var name: String
        @Option(help: "How long an activation runs, in days.") var validityDays: Int64
        @Option(help: "Messages per device and day; no limit when left out.")
        var messagesPerDay: Int64?
        @Option(help: "OTA attempts of 5 MB per device and month. Default: 1.") var otaPerMonth:
            Int64?
        @Option(help: "Days that messages are kept. Default: 7.") var storageDays: Int64?
        @Option(help: "Its id; made when left out.") var id: String?
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

struct ProductVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "product",
        abstract: "Kinds of devices, each with a package and a pool of codes.",
        subcommands: commands(
            List.self, Show.self, Create.self, Update.self, Upgrade.self, Usage.self, Delete.self,
            ShowSecret.self, RotateSecret.self, RevokeSecret.self, Uplink.self, EndUplink.self))

    struct Uplink: Verb {
        static let about =
            "Has its devices' messages go into a JetStream stream, which acknowledges them."
        @Argument var pk: String
        @Argument(help: "The stream's name: letters, digits, _ and -.") var stream: String
        var request: APIRequest { .put("products/\(pk.escaped)/uplink", ["stream": stream]) }
    }

    struct EndUplink: Verb {
        static let about = "Lets its devices' messages go to applications only."
        @Argument var pk: String
        var request: APIRequest { .delete("products/\(pk.escaped)/uplink") }
    }

    struct ShowSecret: Verb {
        static let about = "Shows the secret that its devices register with."
        @Argument var pk: String
        var request: APIRequest { .get("products/\(pk.escaped)/secret") }
    }

    struct RotateSecret: Verb {
        static let about = "Gives it another secret; the one before is taken for a while still."
        @Argument var pk: String
        @Option(help: "How long the one before is taken, in hours. Default: 24.")
        var overlapHours: Int64?
        var request: APIRequest {
            .post("products/\(pk.escaped)/secret/rotate", ["overlapHours": overlapHours])
        }
    }

    struct RevokeSecret: Verb {
        static let about = "Lets no device register itself by a secret, until there is another one."
        @Argument var pk: String
        var request: APIRequest { .post("products/\(pk.escaped)/secret/revoke") }
    }

    struct List: Verb {
        @Option(help: "Only this account's.") var account: String?
        @Option(help: "Only what is counted in that data centre.") var dataCentre: String?
        var request: APIRequest {
            .list(
                "products" + query(["account": account, "dataCentre": dataCentre]),
                by: "pk name account package codes.assigned codes.remaining codes.consumed"
                    + " devices.known devices.active devices.online")
        }
    }

    struct Show: Verb {
        @Argument var pk: String
        var request: APIRequest { .get("products/\(pk.escaped)") }
    }

    struct Create: Verb {
        @Option var name: String
        @Option var account: String
        @Option(help: "Its ProductKey; made when left out.") var pk: String?
        @Option(help: "Its package; set by the first codes when left out.") var package: String?
        @Option(help: "open, imported or closed. Default: imported.") var registration: String?
        @Option(help: "Where its day begins, in minutes east of UTC.") var dayOffsetMinutes: Int64?
        @Option(help: "Where its codes are counted. Default: here.") var dataCentre: String?
        var request: APIRequest {
            .post(
                "products",
                [
                    "pk": pk, "name": name, "account": account, "package": package,
                    "registration": registration, "dayOffsetMinutes": dayOffsetMinutes,
                    "dataCentre": dataCentre,
                ])
        }
    }

    struct Update: Verb {
        @Argument var pk: String
        @Option var name: String?
        @Option(help: "true or false.") var autoRenewal: Bool?
        @Option(help: "open, imported or closed.") var registration: String?
        @Option(help: "Where its day begins, in minutes east of UTC.") var dayOffsetMinutes: Int64?
        var request: APIRequest {
            .patch(
                "products/\(pk.escaped)",
                [
                    "name": name, "autoRenewal": autoRenewal, "registration": registration,
                    "dayOffsetMinutes": dayOffsetMinutes,
                ])
        }
    }

    struct Upgrade: Verb {
        static let about = "Gives all its devices and codes a better package."
        @Argument var pk: String
        @Argument var package: String
        var request: APIRequest { .post("products/\(pk.escaped)/upgrade", ["package": package]) }
    }

    struct Usage: Verb {
        static let about = "The messages of all its devices, day by day."
        @Argument var pk: String
        @Option(help: "The first day, like 2026-11-21. Default: 30 days before the last.") var from:
            String?
        @Option(help: "The last day. Default: today.") var to: String?
        var request: APIRequest {
            .list("products/\(pk.escaped)/usage" + query(["from": from, "to": to]), by: "day used")
        }
    }

    struct Delete: Verb {
        static let about =
            "Deletes it for good: its codes do not come back, its devices are refused."
        @Argument var pk: String
        var request: APIRequest { .delete("products/\(pk.escaped)") }
    }
}
