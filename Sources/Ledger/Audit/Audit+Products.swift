import Storage

/// The products: assigned = remaining + consumed, and consumed is the history's sum (rule A10).
extension Audit {
    mutating func checkProducts(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var keys: [ProductKey] = []
        try read(books.products, in: transaction) { (audit, key, product) throws(StoreError) in
            keys.append(key)
            try audit.check(product, key, in: transaction)
        }
        try expectMade(books.products, log.products, in: transaction) { change in
            if case .products(.created(let key, _)) = change { [key] } else { [] }
        }
        try expectMade(books.products, log.deletedProducts, in: transaction) {
            change in
            if case .products(.deleted(let key, _)) = change { [key] } else { [] }
        } where: {
            $0.isDeleted
        }
        try expectCount(of: books.pools, keys.count, in: transaction) {
            (audit, key, _) throws(StoreError) in
            try audit.books.products.contains(key, in: transaction)
        }
        try expectCount(of: books.accountProducts, keys.count, in: transaction) {
            (audit, key, _) throws(StoreError) in
            try audit.get(key.second, of: audit.books.products, in: transaction)?.account
                == key.first
        }
        for key in keys { try checkCodes(of: key, in: transaction) }
        try checkTokenKeys(in: transaction)
    }

    /// Those that the log has left, each of its kind.
    private mutating func checkTokenKeys(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var left = log.tokenKeys
        var counts: [ProductKey: Int] = [:]
        try read(books.tokenKeys, in: transaction) { audit, place, record in
            let algorithm = left.removeValue(forKey: place)
            audit.expect(
                algorithm == record.key.material.algorithm && place.second == record.key.id,
                "token key \(place.second) of product \(place.first) is not as the log has left it")
            counts[place.first, default: 0] += 1
            audit.expect(
                counts[place.first] ?? 0 <= TokenKey.countMaximum,
                "product \(place.first) has more token keys than it may")
        }
        for place in left.keys.sorted(by: { "\($0)" < "\($1)" }) {
            expect(false, "token key \(place.second) of product \(place.first) is not there")
        }
    }

    private mutating func check(
        _ product: ProductRecord,
        _ key: ProductKey,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        let isOwned = try books.accounts.contains(product.account, in: transaction)
        expect(isOwned, "product \(key) is of account \(product.account), which is not there")
        let isListed = try books.accountProducts.contains(
            KeyPair(product.account, key),
            in: transaction
        )
        expect(isListed, "product \(key) is not among those of account \(product.account)")
        var allowance: Allowance?
        if let package = product.package {
            allowance = try get(package, of: books.packages, in: transaction)?.allowance
        }
        expect(allowance == product.allowance, "product \(key) has not its package's allowance")
        var free: Allowance?
        if let package = product.freePackage {
            free = try get(package, of: books.packages, in: transaction)?.allowance
        }
        let isRaised = free.flatMap { product.freeAllowance?.lowered(from: $0) } == nil
        expect(
            (free == nil) == (product.freeAllowance == nil) && isRaised,
            "the free codes of product \(key) give less than their package")
    }

    private mutating func checkCodes(
        of key: ProductKey,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var pool = PoolRecord()
        try read(books.pools, prefix: key, in: transaction) { _, _, record in pool = record }
        let isThere = try books.pools.contains(key, in: transaction)
        expect(isThere, "product \(key) has no pool")
        expect(
            pool.devicesActive <= pool.consumed,
            "product \(key) has more active devices than consumed codes"
        )
        var serials = try checkLots(of: key, pool, in: transaction)
        try checkHistory(of: key, pool, &serials, in: transaction)
        try checkDevices(of: key, pool, in: transaction)
    }

    /// The pool's place in its lots; answers which serials that makes consumed.
    private mutating func checkLots(
        of key: ProductKey,
        _ pool: PoolRecord,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> ConsumedSerials {
        var serials = ConsumedSerials()
        var assigned: UInt64 = 0
        var ordinal: UInt32 = 0
        try read(books.lots, prefix: key, in: transaction) {
            (audit, place, lot) throws(StoreError) in
            ordinal &+= 1
            audit.expectEqual(place.second, ordinal, "the next lot of product \(key)")
            let living = try audit.living(lot, in: transaction)
            assigned &+= living.reduce(0) { $0 &+ $1.quantity }
            if ordinal < pool.lot {
                for range in living { serials.add(range) }
            } else if ordinal == pool.lot {
                let consumed = lot.quantity - min(pool.lotRemaining, lot.quantity)
                for range in try audit.living(lot.cut(to: consumed), in: transaction) {
                    serials.add(range)
                }
                audit.expectEqual(
                    pool.nextSerial,
                    lot.first.serial &+ consumed,
                    "the next serial of product \(key)"
                )
            }
        }
        expectEqual(pool.lots, ordinal, "the number of lots of product \(key)")
        expectEqual(pool.assigned, assigned, "codes assigned to product \(key)")
        expectEqual(
            pool.consumed &+ UInt64(pool.returned), serials.count,
            "codes that product \(key) took from its lots")
        serials.seal(
            atMost: try books.consumptions.count(in: transaction)
                + books.returned.count(in: transaction))
        return serials
    }

    /// Every consumed code has one entry in the history, and every entry its place by expiry.
    private mutating func checkHistory(
        of key: ProductKey,
        _ pool: PoolRecord,
        _ serials: inout ConsumedSerials,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var left = serials
        var entries: UInt64 = 0
        try read(books.consumptions, prefix: key, in: transaction) {
            (audit, place, record) throws(StoreError) in
            entries += 1
            let code = ActivationCode(serial: place.third)
            audit.expect(
                left.take(code.serial),
                "code \(code) in the history of \(key) was consumed twice or is not its own"
            )
            let expiry = try audit.get(
                KeyTriple(key, record.expiresAt, code.serial), of: audit.books.expiries,
                in: transaction
            )
            audit.expect(
                expiry?.activatedAt == place.second,
                "code \(code) of product \(key) is not found by its expiry"
            )
        }
        var returned: UInt32 = 0
        try read(books.returned, prefix: key, in: transaction) { audit, place, _ in
            returned &+= 1
            let isOwn = left.take(place.second)
            audit.expect(
                isOwn,
                "code \(ActivationCode(serial: place.second)), which \(key) has again, is consumed"
                    + " or not its own")
        }
        expectEqual(pool.returned, returned, "codes that product \(key) has again")
        serials = left
        devices.returned += Int(returned)
        devices.entries += Int(entries)
        expectEqual(pool.consumed, entries, "codes that product \(key) consumed by its history")
    }
}

/// The serials that a product has consumed, as its lots and its place in them say: one bit each, to
/// find one that occurs twice or should not occur.
struct ConsumedSerials {
    private var ranges: [(first: UInt64, quantity: UInt64, offset: UInt64)] = []
    private var seen: [UInt64] = []

    private(set) var count: UInt64 = 0

    /// Adds a range; they may come in any order.
    mutating func add(_ range: Books.CodeRange) {
        ranges.append((range.first, range.quantity, 0))
        count &+= range.quantity
    }

    /// Orders the ranges; no `add` afterwards.
    ///
    /// - Parameter limit: how many serials can be taken at all: when the ranges say more, they are
    ///   damaged, and it is not noticed when one of those too many comes twice.
    mutating func seal(atMost limit: Int) {
        ranges.sort { $0.first < $1.first }
        var offset: UInt64 = 0
        for index in ranges.indices {
            ranges[index].offset = offset
            offset &+= ranges[index].quantity
        }
        seen = [UInt64](repeating: 0, count: Int(min(count, UInt64(limit)) + 63) / 64)
    }

    /// Whether the serial is among the ranges, and comes for the first time.
    mutating func take(_ serial: UInt64) -> Bool {
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].first <= serial { low = middle + 1 } else { high = middle }
        }
        guard low > 0, serial - ranges[low - 1].first < ranges[low - 1].quantity else {
            return false
        }
        let position = ranges[low - 1].offset &+ (serial - ranges[low - 1].first)
        guard position / 64 < UInt64(seen.count) else { return true }
        let bit = UInt64(1) << (position % 64)
        if seen[Int(position / 64)] & bit != 0 { return false }
        seen[Int(position / 64)] |= bit
        return true
    }
}
