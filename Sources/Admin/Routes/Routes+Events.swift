import Hummingbird
import Ledger
import Storage

extension Routes {
    /// Rule E3: the log, in order, from behind any number on.
    func registerEvents() {
        on(.get, "events") { call in
            try call.principal.requireOperator()
            let after = try call.query("after", "a whole number") { UInt64($0) } ?? 0
            let (_, limit) = try call.page()
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
