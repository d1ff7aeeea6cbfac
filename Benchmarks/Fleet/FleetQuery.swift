import Ledger
import Storage
import Time

/// A list of the books, asked for with random filters or at a random place; answers how many elements
/// came.
struct FleetQuery {
    typealias Ask = (inout Dice, Books, borrowing ReadTransaction) throws(StoreError) -> Int

    let name: String
    let ask: Ask

    init(_ name: String, _ ask: @escaping Ask) {
        self.name = name
        self.ask = ask
    }

    /// A list that has no filter to begin at a random place: begins behind one of `cursors`.
    init<Element>(
        _ name: String,
        cursors: [String?],
        _ page:
            @escaping (
                Books, String?, Int, borrowing ReadTransaction
            ) throws(StoreError) -> Page<Element>
    ) {
        self.init(name) { (dice, books, transaction) throws(StoreError) in
            let cursor = cursors[dice.number(below: cursors.count)]
            return try page(books, cursor, FleetQueries.limit, transaction).elements.count
        }
    }
}
