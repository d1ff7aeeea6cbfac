public import Ledger
import Storage
import Time

/// The books of a planned fleet, on disk.
public struct FleetStore: Sendable {
    public let plan: FleetPlan
    public let ledger: Ledger

    /// Opens the books in `directory`, and makes them first if there are none.
    ///
    /// - Parameter report: is told what is under way, and how far.
    public init(
        _ plan: FleetPlan,
        directory: String,
        report: @escaping (String) -> Void = { _ in }
    ) throws {
        self.plan = plan
        let isThere = try Self.isFilled(directory)
        if !isThere {
            // Nothing is lost that could not be made again; reading is what will be measured.
            let ledger = try Ledger(
                directory: directory, maximumBatch: 4_096, durability: .unsynced)
            FleetBuilder(plan, ledger, report).build()
            report("bringing it to the disk")
            try ledger.environment.sync()
            ledger.shutdown()
        }
        ledger = try Ledger(directory: directory)
    }

    private static func isFilled(_ directory: String) throws -> Bool {
        let ledger = try Ledger(directory: directory)
        defer { ledger.shutdown() }
        return try ledger.read { (books, transaction) throws(StoreError) in
            try books.lastSequence(in: transaction) > 0
        }
    }
}
