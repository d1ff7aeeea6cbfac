import Hummingbird
import Ledger
import Storage

extension Routes {
    /// Rule E3: the log, in order, from behind any number on.
    mutating func registerEvents() {
        on(
            .get, "events",
            Operation(
                "listEvents", "Everything that changed the books, in order (rule E3)",
                access: .gateway,
                query: [
                    Parameter("after", .count, "Only events behind that number; 0 by default."),
                    .limit,
                ],
                answers: .list(of: .event))
        ) { call in
            let after = try call.query("after") { UInt64($0) } ?? 0
            let limit = try call.limit()
            let found = try call.read { (books, transaction) throws(StoreError) in
                try books.events(after: after, limit: limit, in: transaction)
            }
            return call.list(
                found.map(Documents.event),
                cursor: found.last.map { String($0.sequence) }
            )
        }
    }
}
