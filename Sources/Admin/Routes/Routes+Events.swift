import Gateway
import Hummingbird
import Ledger

extension Routes {
    /// Rule E3: the log, in order, from behind any number on.
    mutating func registerEvents() {
        on(
            .get, "events", "listEvents",
            """
            Everything that changed the books, as far as the key reaches it, in order (rule E3): a \
            part of it, or, for who accepts text/event-stream, all that comes
            """,
            access: .managers,
            query: [
                Parameter(
                    "after", .count,
                    "Only events behind that number; by default, a list has all, a stream new ones."
                )
            ],
            headers: [
                Parameter(
                    "Last-Event-ID", .count,
                    "Where a stream goes on; instead of the parameter after.")
            ],
            answers: .page(of: .event).or("text/event-stream"), problems: [.tooManyStreams]
        ) { call in
            let after = try call.query("after") { UInt64($0) }
            if call.request.headers[.accept]?.contains("text/event-stream") == true {
                return try Self.stream(after: after, call)
            }
            let reach = call.principal.eventReach
            return try call.list(Documents.event) {
                try $0.events(after: after ?? 0, within: reach, cursor: $1, limit: $2, in: $3)
            }
        }
    }

    private static func stream(after: UInt64?, _ call: Call) throws -> Response {
        let newest = try call.read { try $0.lastSequence(in: $1) }
        let (request, server) = (call.request, call.server)
        let stream = EventStream(
            ledger: server.controlPlane.ledger,
            start: call.header("Last-Event-ID").flatMap { UInt64($0) } ?? after ?? newest,
            reach: { try server.known(request)?.eventReach })
        return try server.streams.stream(
            named: "streams of events", for: call.principal.tenant
        ) { writer in
            try await stream.run(into: &writer, of: request)
        }
    }
}

extension Principal {
    /// The gateway's own events are for those who reach everything.
    fileprivate var eventReach: EventReach { EventReach(accounts: accounts, products: products) }
}
