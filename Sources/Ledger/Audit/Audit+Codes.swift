import Storage

/// The codes of the accounts: bought + granted = unassigned + assigned (rule A10).
extension Audit {
    /// Batches follow one another without a gap, and are in the list of purchases.
    mutating func checkBatches(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var audit = self
        var next: UInt64 = 1
        var count = 0
        try books.batches.forEach(in: transaction) { (first, batch) throws(StoreError) in
            audit.expectEqual(first, next, "the serial after the batches before")
            next = first + batch.quantity
            count += 1
            let isListed = try audit.books.purchases.contains(
                KeyPair(batch.account, first),
                in: transaction
            )
            audit.expect(isListed, "batch \(first) is not among the purchases of \(batch.account)")
            return .proceed
        }
        self = audit
        expectEqual(try books.head(in: transaction).nextSerial, next, "the next serial")
        expectEqual(try books.purchases.count(in: transaction), count, "the number of purchases")
    }

    /// Each account's counters per package are the sums of what they count.
    mutating func checkHoldings(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var counted: [AccountID: [PackageID: Counted]] = [:]
        try books.batches.forEach(in: transaction) { _, batch in
            switch batch.source {
            case .purchase:
                counted[batch.account, default: [:]][batch.package, default: Counted()].bought +=
                    batch.quantity
            case .grant:
                counted[batch.account, default: [:]][batch.package, default: Counted()].granted +=
                    batch.quantity
            }
            return .proceed
        }
        try books.unassigned.forEach(in: transaction) { key, range in
            counted[key.first, default: [:]][key.second, default: Counted()].unassigned +=
                range.quantity
            return .proceed
        }
        let books = books
        try books.lots.forEach(in: transaction) { (key, lot) throws(StoreError) in
            guard let product = try books.products.get(key.first, in: transaction) else {
                return .proceed
            }
            counted[product.account, default: [:]][lot.package, default: Counted()].assigned +=
                lot.quantity
            return .proceed
        }
        var audit = self
        try books.holdings.forEach(in: transaction) { key, holding in
            let found = counted[key.first]?[key.second] ?? Counted()
            counted[key.first]?[key.second] = nil
            let subject = "codes of package \(key.second) of account \(key.first)"
            audit.expectEqual(holding.bought, found.bought, "\(subject), bought")
            audit.expectEqual(holding.granted, found.granted, "\(subject), granted")
            audit.expectEqual(holding.assigned, found.assigned, "\(subject), assigned")
            audit.expect(
                holding.bought + holding.granted == found.unassigned + holding.assigned,
                "\(subject): bought + granted is not unassigned + assigned"
            )
            return .proceed
        }
        self = audit
        for (account, packages) in counted {
            for package in packages.keys {
                expect(false, "account \(account) has no counters of its codes of \(package)")
            }
        }
    }

    /// Every code ever bought is in exactly one place: unassigned, or in one product's lot.
    mutating func checkRanges(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var ranges: [(first: UInt64, quantity: UInt64)] = []
        try books.unassigned.forEach(in: transaction) { key, range in
            ranges.append((key.third, range.quantity))
            return .proceed
        }
        try books.lots.forEach(in: transaction) { _, lot in
            ranges.append((lot.first.serial, lot.quantity))
            return .proceed
        }
        ranges.sort { $0.first < $1.first }
        var next: UInt64 = 1
        for range in ranges {
            expect(range.first <= next, "codes \(next) to \(range.first - 1) are nowhere")
            expect(range.first >= next, "code \(range.first) is in two places")
            next = range.first + range.quantity
        }
        expectEqual(next, try books.head(in: transaction).nextSerial, "the end of all codes")
    }

    private struct Counted {
        var bought: UInt64 = 0
        var granted: UInt64 = 0
        var unassigned: UInt64 = 0
        var assigned: UInt64 = 0
    }
}
