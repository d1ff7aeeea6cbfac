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
                ),
                Parameter(
                    "order", .choice([Self.oldestFirst, Self.newestFirst]),
                    "Of a list; by default the oldest first. A stream has events as they come."),
                Parameter("change", .choice(Change.names), "Only changes of that name."),
                Parameter(
                    "account", .id(AccountID.self),
                    "Only what is that account's own, or about its products and devices."),
                Parameter(
                    "product", .id(ProductKey.self),
                    "Only what is about that product and its devices."),
            ],
            headers: [
                Parameter(
                    "Last-Event-ID", .count,
                    "Where a stream goes on; instead of the parameter after.")
            ],
            answers: .page(of: .event).or("text/event-stream"), problems: [.tooManyStreams]
        ) { call in
            let after = try call.query("after") { UInt64($0) }
            let filter = EventFilter(
                kind: try call.query("change", EventKind.init),
                account: try call.query("account", AccountID.init),
                product: try call.query("product", ProductKey.init))
            if call.request.headers[.accept]?.contains("text/event-stream") == true {
                guard call.query("order") == nil else {
                    throw Problem.invalid("order: a stream has events as they come")
                }
                return try Self.stream(after: after, filter, call)
            }
            return try Self.list(after: after ?? 0, filter, call)
        }
    }

    private static let oldestFirst = "oldest-first"
    private static let newestFirst = "newest-first"

    /// How many parts of the log one request reads when they have little that is meant; the cursor that it answers leads
    /// on behind them.
    private static let partsMaximum = 8

    private static func list(
        after: UInt64, _ filter: EventFilter, _ call: Call
    ) throws -> Response {
        let isNewestFirst = call.query("order") == newestFirst
        let reach = call.principal.eventReach
        let (start, limit) = try call.page()
        var cursor = start
        var found: [Event] = []
        var partsLeft = partsMaximum
        repeat {
            let (from, room) = (cursor, limit - found.count)
            let part = try call.read {
                try $0.events(
                    after: after, within: reach, filter, newestFirst: isNewestFirst, cursor: from,
                    limit: room, in: $1)
            }
            found += part.elements
            cursor = part.cursor
            partsLeft -= 1
        } while cursor != nil && found.count < limit && partsLeft > 0
        return call.list(found.map { Documents.event($0) }, cursor: cursor)
    }

    private static func stream(
        after: UInt64?, _ filter: EventFilter, _ call: Call
    ) throws -> Response {
        let newest = try call.read { try $0.lastSequence(in: $1) }
        let (request, server) = (call.request, call.server)
        let stream = EventStream(
            ledger: server.controlPlane.ledger,
            start: call.header("Last-Event-ID").flatMap { UInt64($0) } ?? after ?? newest,
            filter: filter,
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
