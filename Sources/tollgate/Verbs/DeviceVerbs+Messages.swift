import Admin
import ArgumentParser

// A device's messages that are stored.
extension DeviceVerbs {
    struct Messages: Verb {
        static let about = "Its messages that are stored, the latest first."
        static let discussion = """
            Of products whose messages are stored (product update --message-log true), as long as the package says. In a \
            cluster, what has passed through the gateway that is asked. For all of them as they are, -o ndjson.
            """
        static let example =
            "device messages lamp lamp-1 --from 2026-11-21T08:00:00Z --direction up --limit 20"
        @OptionGroup var device: DeviceArguments
        @Option(help: "Only of that time or later; a day is its first instant (UTC).") var from:
            String?
        @Option(help: "Only before that time.") var to: String?
        @Option(help: "Only from the device (up), or to it (down).") var direction: String?
        @Option(help: .limit) var limit: Int?
        var request: APIRequest {
            .list(
                "\(device)/messages" + query(["from": from, "to": to, "direction": direction]),
                by:
                    "at direction topic qos bytes payload | payloadBase64 retained duplicate",
                limit: limit)
        }
    }

    struct DeleteMessages: Irreversible {
        static let about = "Deletes its messages that are stored, on all gateways."
        static let example = "device delete-messages lamp lamp-1 --yes"
        @OptionGroup var device: DeviceArguments
        @OptionGroup var consent: ConsentOptions
        var request: APIRequest { .delete("\(device)/messages") }

        func loss(at gateway: APIClient) async throws(Failure) -> String {
            _ = try await gateway.document(.get, "\(device)")
            return "\(device.text) loses its stored messages: they can't be had back"
        }
    }
}
