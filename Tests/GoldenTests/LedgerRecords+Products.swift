@testable import Ledger

extension LedgerRecords {
    static var productWithCountedState: ProductRecord {
        var record = productWithLimits
        record.countsState = true
        return record
    }

    static var productWithUncounted: ProductRecord {
        var record = productWithCountedState
        record.uncounted = [TopicPattern(known: "heartbeat/#")]
        return record
    }
}
