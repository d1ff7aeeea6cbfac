import Admin
import ArgumentParser

struct CampaignVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "campaign",
        abstract: "Upgrades of many devices to a firmware image.",
        subcommands: commands(
            List.self, Show.self, Devices.self, Create.self, Pause.self, Resume.self, Stop.self))

    struct List: Verb {
        static let about = "The campaigns of a product, and how far they are."
        static let example = "campaign list lamp"
        @Argument(help: .product) var pk: String
        @Option(help: .limit) var limit: Int?
        var request: APIRequest {
            .list(
                "products/\(pk.escaped)/campaigns",
                by:
                    "id firmware state started open succeeded failed refused endsAt | startsAt unreported perMinute stopPercent createdAt createdBy",
                limit: limit)
        }
    }

    struct Show: Verb {
        static let about = "A campaign, and how far it is."
        static let example = "campaign show lamp spring"
        @OptionGroup var campaign: CampaignArguments
        var request: APIRequest { .get("\(campaign)") }
    }

    struct Devices: Verb {
        static let about = "The devices that a campaign has asked, and what has become of each."
        static let example = "campaign devices lamp spring --state failed"
        @OptionGroup var campaign: CampaignArguments
        @Option(
            help: "Only those that stand so: requested, succeeded, failed, unreported or refused.")
        var state: String?
        @Option(help: .limit) var limit: Int?
        var request: APIRequest {
            .list(
                "\(campaign)/devices" + query(["state": state]),
                by:
                    "dk state reason detail percent heardAt endedAt | attempts askedAt",
                limit: limit)
        }
    }

    struct Create: Verb {
        static let about = "Has devices of a product upgrade to a firmware image, so many a minute."
        static let example =
            "campaign create lamp spring 2.1.0 --per-minute 60 --ends-at 2026-12-31 --metadata room=hall"
        static let discussion = """
            All devices of the product, unless --metadata or --devices says which. Each is asked once, in the order of the keys; \
            what an upgrade costs is paid when it is started.
            """
        @OptionGroup var campaign: CampaignArguments
        @Argument(help: "The image's version.") var version: String
        @Option(help: "How many upgrades are started in a minute: 1 to 6000.") var perMinute: Int64
        @Option(help: "When the first ones are started: a time, or a day. Default: at once.")
        var startsAt: String?
        @Option(help: "When no more are started: a time, or a day.") var endsAt: String
        @Option(
            help:
                "It stops when more than so many of a hundred upgrades did not succeed; 100 for never. Default: 20."
        )
        var stopPercent: Int64?
        @Option(help: "Only devices with that metadata: KEY=VALUE.") var metadata: String?
        @Option(parsing: .upToNextOption, help: "Only these devices: their DeviceKeys.")
        var devices: [String] = []
        var request: APIRequest {
            let keys: JSON? = devices.isEmpty ? nil : .array(devices.map { .text($0) })
            return .post(
                "products/\(campaign.pk.escaped)/campaigns",
                [
                    "id": campaign.id, "firmware": version, "perMinute": perMinute,
                    "startsAt": startsAt, "endsAt": endsAt, "stopPercent": stopPercent,
                    "metadata": metadata,
                    "devices": keys,
                ])
        }
    }

    struct Pause: Verb {
        static let about = "Has it start no upgrades until it is resumed."
        static let example = "campaign pause lamp spring"
        @OptionGroup var campaign: CampaignArguments
        var request: APIRequest { .post("\(campaign)/pause") }
    }

    struct Resume: Verb {
        static let about = "Has it go on."
        static let example = "campaign resume lamp spring"
        @OptionGroup var campaign: CampaignArguments
        var request: APIRequest { .post("\(campaign)/resume") }
    }

    struct Stop: Irreversible {
        static let about = "Has it start no upgrades any more; those that were started go on."
        static let example = "campaign stop lamp spring --yes"
        @OptionGroup var campaign: CampaignArguments
        @OptionGroup var consent: ConsentOptions
        var request: APIRequest { .post("\(campaign)/stop") }

        func loss(at gateway: APIClient) async throws(Failure) -> String {
            let found = try await gateway.document(.get, "\(campaign)")
            let started = found["started"]?.integer ?? 0
            return "campaign \(campaign.id) ends with \(started) upgrades, and can't be resumed"
        }
    }
}

/// A campaign of a product; its text is its path.
struct CampaignArguments: ParsableArguments, CustomStringConvertible {
    @Argument(help: .product) var pk: String
    @Argument(help: "The campaign's id.") var id: String

    var description: String { "products/\(pk.escaped)/campaigns/\(id.escaped)" }
}
