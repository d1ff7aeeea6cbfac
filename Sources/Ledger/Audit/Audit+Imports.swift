import Storage

/// The imports in chunks: their rows are all there, and those that are committed count as devices.
extension Audit {
    /// Goes before the products, whose figures of devices count what is arriving.
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
        try checkArrivals(&tally, in: transaction)
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
            event?.change == .importBegun(name.first),
            "\(subject) is not named after the event that began it")
        tally.count += 1
        if record.state == .landing || record.state == .done {
            tally.committed += 1
            tally.rows &+= record.rows
        }
        if isUnderWay { tally.underWay[name.first, default: 0] += 1 }
        if isListed { tally.live[name.second] = (name, record) }
    }

    /// What waits in the table of arrivals, import by import.
    private mutating func checkArrivals(
        _ tally: inout ImportTally,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var seen: [UInt64: (rows: UInt64, returning: UInt64)] = [:]
        let live = tally.live
        try read(books.arrivals, in: transaction) { (audit, place, _) throws(StoreError) in
            guard let (name, record) = live[place.first] else {
                return audit.expect(
                    false, "device \(place.second) arrives with no import: \(place.first)")
            }
            let identity = DeviceIdentity(product: name.first, device: place.second)
            let old = try audit.get(identity, of: audit.books.devices, in: transaction)
            seen[place.first, default: (0, 0)].rows += 1
            if old?.isOpen == true { seen[place.first, default: (0, 0)].returning += 1 }
            audit.expect(
                old?.isRegistered != true || record.state == .abandoned || record.conflict != nil,
                "\(identity) arrives with import \(name.second) and is registered already")
        }
        for (number, (name, record)) in live {
            let (rows, returning) = seen[number] ?? (0, 0)
            expectEqual(record.waiting, rows, "rows of import \(number) that wait")
            switch record.state {
            case .receiving where record.conflict == nil:
                expectEqual(
                    record.returning, returning, "active devices that import \(number) brings")
            case .landing: arriving[name.first, default: Arriving()].add(rows, returning)
            default: break
            }
        }
    }

    /// Devices that committed imports bring and that have not landed yet.
    struct Arriving {
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

    /// Those that have, or may get, arrivals: few.
    var live: [UInt64: LiveImport] = [:]
}
