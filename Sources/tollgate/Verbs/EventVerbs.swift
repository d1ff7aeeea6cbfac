import Admin
import ArgumentParser

struct EventVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "event",
        abstract: "The log of everything that changed the books.",
        subcommands: [List.self]
    )

    struct List: AsyncParsableCommand {
        @Option(help: "Only events behind this number.") var after: UInt64 = 0
        @Option(help: "At most so many, 1 to 1000.") var limit = 100
        @OptionGroup var api: APIOptions

        func run() async throws {
            let path = "events" + query([("after", String(after)), ("limit", String(limit))])
            let bytes = try await api.send(.get, path)
            guard !api.json, let json = JSON(parsing: bytes) else {
                return Output.raw(bytes + [10])
            }
            let rows = (json["items"]?.array ?? []).map { event -> JSON in
                guard case .object(let members) = event else { return event }
                let rest = JSON.object(Array(members.dropFirst(4)))
                return .object(
                    members.prefix(4) + [
                        .init(
                            name: "subject",
                            value: .text(String(decoding: rest.bytes, as: UTF8.self)))
                    ]
                )
            }
            Output.table(rows, columns: ["sequence", "at", "actor", "change", "subject"])
        }
    }
}
