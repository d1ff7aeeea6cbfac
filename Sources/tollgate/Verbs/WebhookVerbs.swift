import Admin
import ArgumentParser

struct WebhookVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "webhook", abstract: "Where events go by HTTP as they happen.",
        subcommands: commands(
            List.self, Show.self, Create.self, Change.self, Rotate.self, Delete.self, Test.self,
            Deliveries.self, Redeliver.self))

    struct List: Verb {
        static let about = "The webhooks, and how far each has got."
        static let example = "webhook list"
        var request: APIRequest {
            .list(
                "webhooks", by: "id name account url on behind failures retryAt | kinds createdAt")
        }
    }

    struct Show: Verb {
        static let about = "A webhook, without its secret."
        static let example = "webhook show whAbC123"
        @Argument(help: .webhook) var id: String
        var request: APIRequest { .get("webhooks/\(id.escaped)") }
    }

    struct Create: Verb {
        static let about =
            "Has events sent to a URL from now on; the secret that signs them is shown once."
        static let example =
            "webhook create --name Billing --url https://example.org/hooks --account acme"
        @Option(help: .name) var name: String
        @Option(help: "Where they go: https://...") var url: String
        @Option(
            help: "Whose events, those of its sub-accounts among them; all when left out.")
        var account: String?
        @Option(parsing: .upToNextOption, help: .kinds) var kinds: [String] = []
        var request: APIRequest {
            let kinds: JSON? = kinds.isEmpty ? nil : .array(kinds.map { .text($0) })
            return .post(
                "webhooks", ["name": name, "url": url, "account": account, "kinds": kinds])
        }
    }

    struct Change: Verb {
        static let about =
            "Changes what is given; what has failed is tried at once, and as often as a new event."
        static let example = "webhook change whAbC123 --url https://example.org/other --on"
        @Argument(help: .webhook) var id: String
        @Option(help: .name) var name: String?
        @Option(help: "Where events go.") var url: String?
        @Option(
            parsing: .upToNextOption,
            help: "Names of changes, as in the event list; as they were when left out.")
        var kinds: [String] = []
        @Flag(help: "Has it get events of all kinds.") var allKinds = false
        @Flag(inversion: .prefixedNo, help: "Whether it gets events; they wait when it does not.")
        var on: Bool?
        @Flag(help: "Passes over the events that wait.") var skip = false
        var request: APIRequest {
            let list: JSON? =
                allKinds ? .array([]) : kinds.isEmpty ? nil : .array(kinds.map { .text($0) })
            return .patch(
                "webhooks/\(id.escaped)",
                ["name": name, "url": url, "kinds": list, "on": on, "skip": skip ? true : nil])
        }
    }

    struct Rotate: Irreversible {
        static let about = "Gives it another secret; the one before signs, too, for a while."
        static let example = "webhook rotate whAbC123 --overlap-hours 48 --yes"
        @Argument(help: .webhook) var id: String
        @Option(help: "How long the one before signs, too, in hours. Default: 24.")
        var overlapHours: Int64?
        @OptionGroup var consent: ConsentOptions
        var request: APIRequest {
            .post("webhooks/\(id.escaped)/secret/rotate", ["overlapHours": overlapHours])
        }

        func loss(at gateway: APIClient) async throws(Failure) -> String {
            let webhook = try await gateway.document(.get, "webhooks/\(id.escaped)")
            let name = webhook["name"]?.text ?? "?"
            return
                "webhook \(id) (\(name)) gets another secret: a receiver that has not got it within"
                + " \(counted(overlapHours ?? 24, "hour")) finds that signatures are wrong"
        }
    }

    struct Delete: Irreversible {
        static let about = "Sends it nothing any more, and forgets it with its deliveries."
        static let example = "webhook delete whAbC123 --yes"
        @Argument(help: .webhook) var id: String
        @OptionGroup var consent: ConsentOptions
        var request: APIRequest { .delete("webhooks/\(id.escaped)") }

        func loss(at gateway: APIClient) async throws(Failure) -> String {
            let webhook = try await gateway.document(.get, "webhooks/\(id.escaped)")
            let (name, url) = (webhook["name"]?.text ?? "?", webhook["url"]?.text ?? "?")
            return "webhook \(id) (\(name)) to \(url) is deleted with its secret and deliveries"
        }
    }

    struct Test: Verb {
        static let about = "Sends a test event now, and says what comes back."
        static let example = "webhook test whAbC123"
        @Argument(help: .webhook) var id: String
        var request: APIRequest { .post("webhooks/\(id.escaped)/test") }
    }

    struct Deliveries: Verb {
        static let about = "The last hundred attempts, the newest first."
        static let example = "webhook deliveries whAbC123"
        @Argument(help: .webhook) var id: String
        var request: APIRequest {
            .list(
                "webhooks/\(id.escaped)/deliveries",
                by:
                    "id cause sequence at attempt delivered status milliseconds error nextAt")
        }
    }

    struct Redeliver: Verb {
        static let about = "Sends the event of a delivery once more, now."
        static let example = "webhook redeliver whAbC123 17"
        @Argument(help: .webhook) var id: String
        @Argument(help: "The delivery's id.") var delivery: String
        var request: APIRequest {
            .post("webhooks/\(id.escaped)/deliveries/\(delivery.escaped)/redeliver")
        }
    }
}

extension ArgumentHelp {
    fileprivate static var webhook: ArgumentHelp { "The webhook's id." }
    fileprivate static var kinds: ArgumentHelp {
        "Names of changes, as in the event list: device-activated; all kinds when left out."
    }
}
