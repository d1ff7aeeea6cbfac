import Storage

/// The imports in chunks: their rows are all there, and those that are committed count as devices.
extension Audit {
    /// Goes before the products, whose figures of devices count what is arriving.
    mutating func checkImports(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var audit = self
        var underWay: [ProductKey: UInt32] = [:]
        var live: [UInt64: LiveImport] = [:]
        let books = books
        try books.imports.forEach(in: transaction) { (name, record) throws(StoreError) in
            let isListed = try books.importing.contains(name, in: transaction)
            let isUnderWay = record.state == .receiving || record.state == .landing
            let subject = "import \(name.second) of product \(name.first)"
            if isUnderWay { underWay[name.first, default: 0] += 1 }
            audit.expect(isListed || !isUnderWay, "\(subject) is not among those under way")
            audit.expect(
                isListed || record.waiting == 0,
                "\(subject) is over and has \(record.waiting) rows that did not move"
            )
            audit.expect(
                !isListed || record.state != .done, "\(subject) is done and under way")
            let event = try books.events.get(name.second, in: transaction)
            audit.expect(
                event?.change == .importBegun(name.first),
                "\(subject) is not named after the event that began it"
            )
            if isListed { live[name.second] = (name, record) }
            return .proceed
        }
        audit.expectEqual(
            try books.importing.count(in: transaction), live.count, "imports under way")
        try audit.checkArrivals(of: live, in: transaction)
        try books.pools.forEach(in: transaction) { product, pool in
            audit.expectEqual(
                pool.imports, underWay[product] ?? 0, "imports under way of product \(product)")
            return .proceed
        }
        self = audit
    }

    private mutating func checkArrivals(
        of live: [UInt64: LiveImport],
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var audit = self
        var seen: [UInt64: (rows: UInt64, returning: UInt64)] = [:]
        let books = books
        try books.arrivals.forEach(in: transaction) { (place, _) throws(StoreError) in
            guard let (name, record) = live[place.first] else {
                audit.expect(false, "device \(place.second) arrives with no import: \(place.first)")
                return .proceed
            }
            var counts = seen[place.first] ?? (0, 0)
            defer { seen[place.first] = counts }
            counts.rows += 1
            guard record.state != .abandoned, record.conflict == nil else { return .proceed }
            let identity = DeviceIdentity(product: name.first, device: place.second)
            let old = try books.devices.get(identity, in: transaction)
            if old?.isOpen == true { counts.returning += 1 }
            audit.expect(
                old?.isRegistered != true,
                "\(identity) arrives with import \(name.second) and is registered already"
            )
            return .proceed
        }
        for (number, (name, record)) in live {
            let (rows, returning) = seen[number] ?? (0, 0)
            audit.expectEqual(record.waiting, rows, "rows of import \(number)")
            switch record.state {
            case .receiving where record.conflict == nil:
                audit.expectEqual(
                    record.returning, returning, "active devices that import \(number) brings")
            case .landing: audit.arriving[name.first, default: Arriving()].add(rows, returning)
            default: break
            }
        }
        self = audit
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
