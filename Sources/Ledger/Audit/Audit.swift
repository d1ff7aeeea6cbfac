import Storage

/// One reading of the whole store that collects what does not agree.
struct Audit {
    let books: Books
    private let limit: Int
    private(set) var findings: [String] = []

    /// Devices whose entitlement is open, and past periods of devices: found on the way through the
    /// products, compared with the indexes at the end.
    var openDevices = 0
    var pastPeriods: UInt64 = 0
    var devicesSeen = 0

    /// By product; found before the products are read.
    var arriving: [ProductKey: Arriving] = [:]

    init(_ books: Books, limit: Int) {
        self.books = books
        self.limit = limit
    }

    mutating func expect(_ condition: Bool, _ finding: @autoclosure () -> String) {
        if !condition, findings.count < limit { findings.append(finding()) }
    }

    mutating func expectEqual<Value: Equatable>(
        _ left: Value,
        _ right: Value,
        _ subject: @autoclosure () -> String
    ) {
        expect(left == right, "\(subject()): \(left) is not \(right)")
    }

    /// Rule E3: the log has no gap, and its last number is the stored one.
    mutating func checkLog(in transaction: borrowing some Transaction & ~Copyable)
        throws(StoreError)
    {
        var last: UInt64 = 0
        var audit = self
        try books.events.forEach(in: transaction) { sequence, event in
            audit.expectEqual(sequence, last + 1, "the event log has a gap")
            audit.expectEqual(event.sequence, sequence, "an event's number is not its key")
            last = sequence
            return .proceed
        }
        self = audit
        let stored = try books.head(in: transaction).lastSequence
        expectEqual(stored, last, "the stored last sequence number against the log's")
    }
}
