import Gateway
import Hummingbird
import Ledger
import Storage

extension Routes {
    /// Rule E3: the log, in order, from behind any number on.
    mutating func registerEvents() {
        on(
            .get, "events",
            Operation(
                "listEvents",
                """
                Everything that changed the books, in order (rule E3): a part of it, or, for who \
                accepts text/event-stream, all that comes
                """,
                access: .gateway,
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
                answers: .page(of: .event).or("text/event-stream"),
                problems: [.tooManyStreams])
        ) { call in
            let after = try call.query("after") { UInt64($0) }
            if call.request.headers[.accept]?.contains("text/event-stream") == true {
                return try Self.stream(after: after, call)
            }
            let (cursor, limit) = try call.page()
            let page = try call.read { (books, transaction) throws(StoreError) in
                try books.events(
                    after: after ?? 0, cursor: cursor, limit: limit, in: transaction)
            }
            return call.list(page.elements.map(Documents.event), cursor: page.cursor)
        }
    }

    private static func stream(after: UInt64?, _ call: Call) throws -> Response {
        guard let slot = call.server.streams.slot() else {
            var problem = Problem(
                .tooManyStreams, "no more streams of events can be open at once")
            problem.retryAfterSeconds = 5
            throw problem
        }
        let newest = try call.read { (books, transaction) throws(StoreError) in
            try books.lastSequence(in: transaction)
        }
        let (request, server) = (call.request, call.server)
        let stream = EventStream(
            ledger: server.controlPlane.ledger,
            start: call.header("Last-Event-ID").flatMap { UInt64($0) } ?? after ?? newest,
            isAllowed: { try server.knows(request) }
        )
        return Response(
            status: .ok,
            headers: [.contentType: "text/event-stream", .cacheControl: "no-store"],
            body: ResponseBody { [slot] writer in
                try await stream.run(into: &writer, of: request)
                try await writer.finish(nil)
                withExtendedLifetime(slot) {}
            }
        )
    }
}
