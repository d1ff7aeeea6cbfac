import Ledger
import Linux
import Storage

/// Asks every query many times at random places, in turns.
public struct QueryMeasurement {
    private let queries: [FleetQuery]
    private let ledger: Ledger

    /// Walks the lists once, for places to ask at.
    public init(_ store: FleetStore) throws {
        queries = try FleetQueries(store).all()
        ledger = store.ledger
    }

    public func run(times: Int, seed: UInt64) throws -> [QueryFigures] {
        var dice = Dice(seed: seed)
        var microseconds = [[Int]](repeating: [], count: queries.count)
        var elements = [Int](repeating: 0, count: queries.count)
        for _ in 0..<times {
            for (index, query) in queries.enumerated() {
                let start = MonotonicInstant.now()
                elements[index] += try ledger.read { (books, transaction) throws(StoreError) in
                    try query.ask(&dice, books, transaction)
                }
                let taken = MonotonicInstant.now().nanoseconds(since: start)
                microseconds[index].append(Int(taken / 1_000))
            }
        }
        return queries.indices.map { index in
            QueryFigures(
                queries[index].name, microseconds: microseconds[index], elements: elements[index])
        }
    }
}
