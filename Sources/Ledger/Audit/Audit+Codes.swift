import Storage

/// The codes of the accounts: bought + granted = unassigned + assigned + voided (rule A10).
extension Audit {
    /// Batches follow one another without a gap, and are in the list of purchases.
    mutating func checkBatches(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var next: UInt64 = 1
        try read(books.batches, in: transaction) { (audit, first, batch) throws(StoreError) in
            audit.expectEqual(first, next, "the serial after the batches before")
            next = first &+ batch.quantity
            audit.expectEqual(
                batch.voided, audit.log.voidedCodes[first] ?? 0, "void codes of batch \(first)")
            let isListed = try audit.books.purchases.contains(
                KeyPair(batch.account, first),
                in: transaction
            )
            audit.expect(isListed, "batch \(first) is not among the purchases of \(batch.account)")
        }
        try expectMade(books.batches, log.batches, in: transaction) { change in
            if case .codes(.bought(_, _, _, _, let first)) = change { return [first.serial] }
            if case .codes(.granted(_, _, _, _, let first)) = change { return [first.serial] }
            return []
        }
        expectEqual(log.nextSerial, next, "the next serial")
        let batches = try books.batches.count(in: transaction)
        try expectCount(of: books.purchases, batches, in: transaction) {
            (audit, key, _) throws(StoreError) in
            try audit.get(key.second, of: audit.books.batches, in: transaction)?.account
                == key.first
        }
    }

    /// Each account's counters per package are the sums of what they count.
    mutating func checkHoldings(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var counted = try countCodes(in: transaction)
        try read(books.holdings, in: transaction) { audit, key, holding in
            let found = counted.removeValue(forKey: key) ?? CodeTally()
            let subject = "codes of package \(key.second) of account \(key.first)"
            audit.expectEqual(holding.bought, found.bought, "\(subject), bought")
            audit.expectEqual(holding.granted, found.granted, "\(subject), granted")
            audit.expectEqual(holding.assigned, found.assigned, "\(subject), assigned")
            audit.expectEqual(holding.voided, found.voided, "\(subject), voided")
            audit.expect(
                holding.bought &+ holding.granted
                    == found.unassigned &+ holding.assigned &+ holding.voided,
                "\(subject): bought + granted is not unassigned + assigned + voided"
            )
        }
        for key in counted.keys.sorted(by: { "\($0)" < "\($1)" }) {
            expect(false, "account \(key.first) has no counters of its codes of \(key.second)")
        }
    }

    /// What batches, ranges and lots say, each of which must be part of one batch of its owner.
    private mutating func countCodes(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [KeyPair<AccountID, PackageID>: CodeTally] {
        var counted: [KeyPair<AccountID, PackageID>: CodeTally] = [:]
        try read(books.batches, in: transaction) { _, _, batch in
            let key = KeyPair(batch.account, batch.package)
            switch batch.source {
            case .purchase: counted[key, default: CodeTally()].bought &+= batch.quantity
            case .grant: counted[key, default: CodeTally()].granted &+= batch.quantity
            }
        }
        try countVoided(in: &counted, in: transaction)
        try read(books.unassigned, in: transaction) { (audit, key, range) throws(StoreError) in
            let owner = KeyPair(key.first, key.second)
            counted[owner, default: CodeTally()].unassigned &+= range.quantity
            try audit.checkBatch(
                of: key.third, range.quantity, owner, "unassigned codes", in: transaction)
        }
        try read(books.lots, in: transaction) { (audit, key, lot) throws(StoreError) in
            let product = try audit.get(key.first, of: audit.books.products, in: transaction)
            guard let product else {
                return audit.expect(
                    false, "lot \(key.second) is of product \(key.first), which is not there")
            }
            let owner = KeyPair(product.account, lot.package)
            let living = try audit.living(lot, in: transaction)
            let codes = living.reduce(0) { $0 &+ $1.quantity }
            counted[owner, default: CodeTally()].assigned &+= codes
            try audit.checkBatch(
                of: lot.first.serial, lot.quantity, owner,
                "codes of lot \(key.second) of product \(key.first)", in: transaction)
            if !living.isEmpty {
                try audit.checkSource(of: lot, key.first, product, in: transaction)
            }
        }
        return counted
    }

    /// Bought codes give what the product's package says, free ones at least what theirs says (rule A4).
    private mutating func checkSource(
        of lot: LotRecord,
        _ key: ProductKey,
        _ product: ProductRecord,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        let batch = try find { () throws(StoreError) in
            try books.purchase(of: lot.first, in: transaction)
        }
        switch batch?.record.source {
        case .purchase:
            expect(
                product.package == nil || product.packageOrigin != .freeCodes,
                "product \(key) has bought codes, and the package of free ones")
        case .grant where format >= 6:
            guard let own = try get(lot.package, of: books.packages, in: transaction)?.allowance
            else { return }
            expect(
                product.freeAllowance.map { $0.lowered(from: own) == nil } ?? false,
                "the free codes of product \(key) give less than their package")
        case .grant, nil: break
        }
    }

    /// Void codes are of a batch, and as many of it as the log has voided.
    private mutating func countVoided(
        in counted: inout [KeyPair<AccountID, PackageID>: CodeTally],
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var tally = counted
        var voided: [UInt64: UInt64] = [:]
        try read(books.voided, in: transaction) { (audit, first, range) throws(StoreError) in
            let batch = try audit.find { () throws(StoreError) in
                try audit.books.purchase(of: ActivationCode(serial: first), in: transaction)
            }
            guard let batch else { return audit.expect(false, "void code \(first) is of no batch") }
            voided[batch.first.serial, default: 0] &+= range.quantity
            let owner = KeyPair(batch.record.account, batch.record.package)
            tally[owner, default: CodeTally()].voided &+= range.quantity
        }
        counted = tally
        for first in Set(voided.keys).union(log.voidedCodes.keys).sorted() {
            expectEqual(
                voided[first] ?? 0, log.voidedCodes[first] ?? 0, "void codes of batch \(first)")
        }
    }

    func living(
        _ lot: LotRecord,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [Books.CodeRange] {
        try find { () throws(StoreError) in try books.living(lot, in: transaction) } ?? []
    }

    private mutating func checkBatch(
        of first: UInt64,
        _ quantity: UInt64,
        _ owner: KeyPair<AccountID, PackageID>,
        _ subject: @autoclosure () -> String,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        let batch = try find { () throws(StoreError) in
            try books.purchase(of: ActivationCode(serial: first), in: transaction)
        }
        let end = batch.map { $0.first.serial &+ $0.record.quantity } ?? 0
        expect(
            batch?.record.account == owner.first && batch?.record.package == owner.second
                && quantity <= end &- first,
            "\(subject()), \(first) and behind, are not of a batch of \(owner.second) of account"
                + " \(owner.first)"
        )
    }

    /// Every code ever bought is in exactly one place: unassigned, in one product's lot, or void.
    mutating func checkRanges(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var ranges: [Books.CodeRange] = []
        try read(books.unassigned, in: transaction) { _, key, range in
            ranges.append((key.third, range.quantity))
        }
        try read(books.lots, in: transaction) { (audit, _, lot) throws(StoreError) in
            ranges += try audit.living(lot, in: transaction)
        }
        try read(books.voided, in: transaction) { _, first, range in
            ranges.append((first, range.quantity))
        }
        // A correction may have left nothing of a lot.
        ranges.removeAll { $0.quantity == 0 }
        ranges.sort { $0.first < $1.first }
        var next: UInt64 = 1
        for range in ranges {
            expect(range.first <= next, "codes \(next) to \(range.first &- 1) are nowhere")
            expect(range.first >= next, "code \(range.first) is in two places")
            next = range.first &+ range.quantity
        }
        expectEqual(next, log.nextSerial, "the end of all codes")
    }

    /// Assignments: as many as the log has, with an entry each in the index by product.
    mutating func checkAssignments(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        try read(books.assignments, in: transaction) { audit, key, assignment in
            audit.expectEqual(
                assignment.voided, audit.log.unassignedAgain[key.second] ?? 0,
                "codes of assignment \(key.second) that were taken back")
        }
        try expectCount(of: books.assignments, log.assignments, in: transaction) {
            (audit, key, _) throws(StoreError) in
            try audit.isAssignment(key.second, of: key.first, in: transaction)
        }
        try expectCount(of: books.productAssignments, log.assignments, in: transaction) {
            (audit, key, _) throws(StoreError) in
            try audit.isAssignment(key.second, to: key.first, in: transaction)
        }
    }

    private func isAssignment(
        _ sequence: UInt64,
        of account: AccountID? = nil,
        to product: ProductKey? = nil,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Bool {
        guard let event = try get(sequence, of: books.events, in: transaction),
            case .codes(.assigned(let owner, let target, _, _)) = event.change
        else { return false }
        return account ?? owner == owner && product ?? target == target
    }
}

/// An account's codes of one package, as batches, ranges and lots say.
struct CodeTally {
    var bought: UInt64 = 0
    var granted: UInt64 = 0
    var unassigned: UInt64 = 0
    var assigned: UInt64 = 0
    var voided: UInt64 = 0
}

/// The imports in chunks: their rows are all there, and those that are committed count as devices.
extension Audit {
    /// Goes before the products, whose figures of devices count the staged ones.
    mutating func checkImports(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var tally = ImportTally()
        try read(books.imports, in: transaction) { (audit, name, record) throws(StoreError) in
            try audit.check(record, name, &tally, in: transaction)
        }
        expectEqual(tally.count, log.imports, "imports against those that the log has begun")
        expectEqual(tally.committed, log.committedImports, "committed imports against the log's")
        expectEqual(tally.rows, log.importedRows, "rows of committed imports against the log's")
        let live = tally.live
        try expectCount(of: books.importing, live.count, in: transaction) { _, name, _ in
            live[name.second]?.name == name
        }
        try checkStagedDevices(&tally, in: transaction)
        try read(books.pools, in: transaction) { audit, product, pool in
            audit.expectEqual(
                pool.imports, tally.underWay[product] ?? 0,
                "imports under way of product \(product)")
        }
    }

    private mutating func check(
        _ record: ImportRecord,
        _ name: KeyPair<ProductKey, UInt64>,
        _ tally: inout ImportTally,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        let subject = "import \(name.second) of product \(name.first)"
        let isListed = try books.importing.contains(name, in: transaction)
        let isUnderWay = record.state == .receiving || record.state == .landing
        expect(isListed || !isUnderWay, "\(subject) is not among those under way")
        expect(
            isListed || record.waiting == 0,
            "\(subject) is over and has \(record.waiting) rows that did not move")
        expect(
            !isListed || isUnderWay || (record.state == .abandoned && record.waiting > 0),
            "\(subject) is over and under way")
        let event = try get(name.second, of: books.events, in: transaction)
        expect(
            event?.change == .imports(.begun(name.first)),
            "\(subject) is not named after the event that began it")
        tally.count += 1
        if record.state == .landing || record.state == .done {
            tally.committed += 1
            tally.rows &+= record.rows
        }
        if isUnderWay { tally.underWay[name.first, default: 0] += 1 }
        if isListed { tally.live[name.second] = (name, record) }
    }

    /// The staged rows, import by import.
    private mutating func checkStagedDevices(
        _ tally: inout ImportTally,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var seen: [UInt64: (rows: UInt64, returning: UInt64)] = [:]
        let live = tally.live
        try read(books.stagedDevices, in: transaction) { (audit, place, _) throws(StoreError) in
            guard let (name, record) = live[place.first] else {
                return audit.expect(
                    false, "device \(place.second) is staged for no import: \(place.first)")
            }
            let identity = DeviceIdentity(product: name.first, device: place.second)
            let old = try audit.get(identity, of: audit.books.devices, in: transaction)
            seen[place.first, default: (0, 0)].rows += 1
            if old?.isOpen == true { seen[place.first, default: (0, 0)].returning += 1 }
            audit.expect(
                old?.isRegistered != true || record.state == .abandoned || record.conflict != nil,
                "\(identity) is staged for import \(name.second) and is registered already")
        }
        for (number, (name, record)) in live {
            let (rows, returning) = seen[number] ?? (0, 0)
            expectEqual(record.waiting, rows, "rows of import \(number) that wait")
            switch record.state {
            case .receiving:
                // With a conflict it can't be committed, and the figure is kept no longer.
                if record.conflict != nil { continue }
                expectEqual(
                    record.returning, returning, "active devices that import \(number) brings")
            case .landing: staged[name.first, default: StagedTally()].add(rows, returning)
            case .done, .abandoned: break
            }
        }
    }

    /// Devices that committed imports bring and that have not landed yet.
    struct StagedTally {
        var known: UInt64 = 0
        var active: UInt64 = 0

        mutating func add(_ known: UInt64, _ active: UInt64) {
            self.known += known
            self.active += active
        }
    }
}

/// What the records of imports say.
private struct ImportTally {
    var count = 0
    var committed = 0
    var rows: UInt64 = 0
    var underWay: [ProductKey: UInt32] = [:]

    /// Those that have, or may get, staged devices: few.
    var live: [UInt64: LiveImport] = [:]
}
