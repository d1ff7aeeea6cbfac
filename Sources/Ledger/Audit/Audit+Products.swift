import Storage

/// The products: assigned = remaining + consumed, and consumed is the history's sum (rule A10).
extension Audit {
    mutating func checkProducts(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var keys: [ProductKey] = []
        try books.products.forEach(in: transaction) { key, _ in
            keys.append(key)
            return .proceed
        }
        expectEqual(try books.pools.count(in: transaction), keys.count, "the number of pools")
        expectEqual(
            try books.accountProducts.count(in: transaction),
            keys.count,
            "the number of products of accounts"
        )
        for key in keys { try checkProduct(key, in: transaction) }
    }

    private mutating func checkProduct(
        _ key: ProductKey,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        guard let product = try books.products.get(key, in: transaction),
            let pool = try books.pools.get(key, in: transaction)
        else { return expect(false, "product \(key) has no pool") }
        let isListed = try books.accountProducts.contains(
            KeyPair(product.account, key),
            in: transaction
        )
        expect(isListed, "product \(key) is not among those of account \(product.account)")
        let allowance =
            if let package = product.package {
                try books.packages.get(package, in: transaction)?.allowance
            } else {
                Allowance?.none
            }
        expect(allowance == product.allowance, "product \(key) has not its package's allowance")
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
        var audit = self
        var assigned: UInt64 = 0
        var ordinal: UInt32 = 0
        try books.lots.forEach(in: transaction, prefix: key) { place, lot in
            ordinal += 1
            audit.expectEqual(place.second, ordinal, "the next lot of product \(key)")
            assigned += lot.quantity
            if ordinal < pool.lot {
                serials.add(first: lot.first.serial, quantity: lot.quantity)
            } else if ordinal == pool.lot {
                let consumed = lot.quantity - min(pool.lotRemaining, lot.quantity)
                serials.add(first: lot.first.serial, quantity: consumed)
                audit.expectEqual(
                    pool.nextSerial,
                    lot.first.serial + consumed,
                    "the next serial of product \(key)"
                )
            }
            return .proceed
        }
        self = audit
        expectEqual(pool.lots, ordinal, "the number of lots of product \(key)")
        expectEqual(pool.assigned, assigned, "codes assigned to product \(key)")
        expectEqual(pool.consumed, serials.count, "codes that product \(key) took from its lots")
        serials.seal()
        return serials
    }

    /// Every consumed code has one entry in the history, and every entry its place by expiry.
    private mutating func checkHistory(
        of key: ProductKey,
        _ pool: PoolRecord,
        _ serials: inout ConsumedSerials,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var audit = self
        var left = serials
        var entries: UInt64 = 0
        try books.consumptions.forEach(in: transaction, prefix: key) {
            (place, record) throws(StoreError) in
            entries += 1
            let code = ActivationCode(serial: place.third)
            audit.expect(
                left.take(code.serial),
                "code \(code) in the history of \(key) was consumed twice or is not its own"
            )
            let expiry = try audit.books.expiries.get(
                KeyTriple(key, record.expiresAt, code.serial),
                in: transaction
            )
            audit.expect(
                expiry?.activatedAt == place.second,
                "code \(code) of product \(key) is not found by its expiry"
            )
            return .proceed
        }
        self = audit
        serials = left
        expectEqual(pool.consumed, entries, "codes that product \(key) consumed by its history")
    }
}
