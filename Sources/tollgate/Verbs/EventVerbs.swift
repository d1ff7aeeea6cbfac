import Admin
import ArgumentParser

struct EventVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "event", abstract: "The log of everything that changed the books.",
        subcommands: [List.self, Follow.self]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The changes of the books, the oldest first.",
            discussion: "".followed(
                byExamples: "event list --after 120 --limit 50",
                "event list --newest-first --change assignment-voided --account acme"))

        @Option(help: "Only events behind this number.") var after: UInt64 = 0
        @Flag(help: "The newest first.") var newestFirst = false
        @Option(help: "Only changes of this name: device-activated.") var change: String?
        @Option(help: "Only what is this account's own, or about its products and devices.")
        var account: String?
        @Option(help: "Only what is about this product and its devices.") var product: String?
        @Option(help: .limit) var limit = 100
        @OptionGroup var gateway: GatewayOptions

        func run() async throws {
            try await gateway.client.list(
                "events"
                    + query([
                        "after": String(after), "order": newestFirst ? "newest-first" : nil,
                        "change": change, "account": account, "product": product,
                    ]),
                columns: JSON.eventColumns,
                limit: limit,
                row: \.eventRow
            )
        }
    }

    struct Follow: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Prints each event as it comes, until it is interrupted.",
            discussion: """
                When the connection is lost, it is made again, and the events go on behind the last one.
                """
                .followed(byExamples: "event follow --after 120")
        )

        @Option(help: "Only events behind this number; without it, those to come.")
        var after: UInt64?
        @OptionGroup var place: GatewayPlace

        func run() async throws {
            let client = try place.client()
            var last = after
            var isConnected = false
            while true {
                let loss = try await client.follow(behind: &last) { event throws(Failure) in
                    try show(event, inJSON: client.form != .table)
                }
                // Never connected: the address is wrong, rather.
                isConnected = isConnected || last != after
                guard isConnected else { throw loss }
                Output.complain("\(loss.text); trying again")
                try await Task.sleep(for: .seconds(1))
            }
        }

        private func show(_ event: ServerSentEvent, inJSON isJSON: Bool) throws(Failure) {
            guard !isJSON, let row = JSON(parsing: Array(event.data.utf8))?.eventRow else {
                return try Output.json(Array(event.data.utf8))
            }
            try Output.say(
                JSON.eventColumns.all.map { name in
                    row[name]?.text ?? row[name]?.integer.map { String($0) } ?? "-"
                }
                .joined(separator: "  ")
            )
        }
    }
}

extension JSON {
    fileprivate static let eventColumns: Columns = "sequence at actor change subject"

    /// What all events have, and the rest of this one as text.
    fileprivate var eventRow: JSON {
        guard case .object(let members) = self else { return self }
        let rest = JSON.object(Array(members.dropFirst(4)))
        let subject = Member(
            name: "subject", value: .text(String(decoding: rest.bytes, as: UTF8.self)))
        return .object(members.prefix(4) + [subject])
    }
}
