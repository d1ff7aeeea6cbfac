import Admin
import ArgumentParser
import UnixSignals

extension DeviceVerbs {
    struct Watch: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Follows which devices of a product connect and disconnect.",
            discussion: """
                Ends with Ctrl-C, or when the gateway does. Who is connected before it begins, `connections --product` \
                says. What comes faster than it can be shown is left out, and how much that was is said.
                """
                .followed(byExamples: "device watch lamp", "device watch lamp --json")
        )

        @Argument(help: .product) var product: String
        @OptionGroup var place: GatewayPlace

        func run() async throws {
            Task {
                for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) {
                    Self.exit()
                }
            }
            let client = try place.client()
            try await client.follow("products/\(product.escaped)/presence") {
                event throws(Failure) in
                guard client.form == .table, let event = JSON(parsing: Array(event.data.utf8))
                else {
                    return try Output.json(Array(event.data.utf8))
                }
                try Output.say(Self.line(of: event))
            }
            Output.complain("the gateway has ended the watch")
        }

        /// `2026-11-21T08:15:30.250Z  disconnected  lamp-1  keep-alive-timeout`
        private static func line(of event: JSON) -> String {
            let text = { (name: String) in event[name]?.text }
            let parts: [String]
            switch text("event") {
            case "connected":
                parts = [
                    "connected", text("dk") ?? "-", "at \(text("listener") ?? "-")",
                    "from \(text("address") ?? "-")", "MQTT \(text("protocolVersion") ?? "-")",
                ]
            case "disconnected":
                parts = [
                    "disconnected", text("dk") ?? "-", text("reason") ?? "-",
                    "since \(text("connectedAt") ?? "-")",
                ]
            case "dropped":
                return "\(event["count"]?.integer ?? 0) events came too fast and are left out"
            default: return String(decoding: event.bytes, as: UTF8.self)
            }
            let node = text("node").map { ["node \($0)"] } ?? []
            return ([text("at") ?? "-"] + parts + node).joined(separator: "  ").printable()
        }
    }

    struct Trace: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Follows it live: connects, refusals, packets both ways, endings.",
            discussion: """
                Ends with Ctrl-C, or when the gateway does. What comes faster than it can be shown is left out, \
                and how much that was is said.
                """
                .followed(byExamples: "device trace lamp lamp-1")
        )

        @OptionGroup var device: DeviceArguments
        @OptionGroup var place: GatewayPlace

        func run() async throws {
            Task {
                for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) {
                    Self.exit()
                }
            }
            let client = try place.client()
            try await client.follow("\(device)/trace") { event throws(Failure) in
                guard client.form == .table, let event = JSON(parsing: Array(event.data.utf8))
                else {
                    return try Output.json(Array(event.data.utf8))
                }
                try Output.say(Self.line(of: event))
            }
            Output.complain("the gateway has ended the trace")
        }

        /// `2026-11-21T08:15:30.250Z  from device  PUBLISH  5 bytes  QoS 1  d/lamp/d1/up/x  taken`
        private static func line(of event: JSON) -> String {
            let text = { (name: String) in event[name]?.text }
            let time = text("at").map { "\($0)  " } ?? ""
            let place = " at " + (text("listener") ?? "-") + ", " + (text("address") ?? "-")
            switch text("event") {
            case "connected":
                return "\(time)connected\(place), MQTT \(text("protocolVersion") ?? "-")"
            case "refused":
                return "\(time)refused: \(text("reason") ?? "-")\(place). \(text("remedy") ?? "")"
            case "ended": return "\(time)ended: \(text("reason") ?? "-")"
            case "packet":
                var parts = [
                    text("from") == "device" ? "from device" : "to device", text("type") ?? "-",
                    "\(event["bytes"]?.integer ?? 0) bytes",
                ]
                if let qos = event["qos"]?.integer { parts.append("QoS \(qos)") }
                if let topic = text("topic") { parts.append(topic) }
                if let outcome = text("outcome") {
                    parts.append(text("reason").map { "\(outcome): \($0)" } ?? outcome)
                }
                return time + parts.joined(separator: "  ")
            case "dropped":
                return "\(event["count"]?.integer ?? 0) events came too fast and are left out"
            default: return String(decoding: event.bytes, as: UTF8.self)
            }
        }
    }
}
