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
        var samples = [[QueryFigures.Sample]](repeating: [], count: queries.count)
        for _ in 0..<times {
            for (index, query) in queries.enumerated() {
                samples[index].append(try ask(query, &dice))
            }
        }
        return queries.indices.map { QueryFigures(queries[$0].name, samples[$0]) }
    }

    private func ask(_ query: FleetQuery, _ dice: inout Dice) throws -> QueryFigures.Sample {
        let (start, processorStart) = (MonotonicInstant.now(), ProcessorTime.ofThread())
        let elements = try ledger.read { (books, transaction) throws(StoreError) in
            try query.ask(&dice, books, transaction)
        }
        return QueryFigures.Sample(
            nanoseconds: MonotonicInstant.now().nanoseconds(since: start),
            processorNanoseconds: ProcessorTime.ofThread() - processorStart,
            elements: elements
        )
    }
}
