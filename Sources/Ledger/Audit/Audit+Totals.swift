import Storage

/// The accounts' totals are the sums of their products' pools (rules A1, A10 and B13).
extension Audit {
    mutating func checkTotals(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var sums: [KeyPair<AccountID, DataCentreID>: AccountTotalRecord] = [:]
        try read(books.products, in: transaction) { (audit, key, product) throws(StoreError) in
            // A pool that is not there is named with its product.
            guard let pool = try audit.get(key, of: audit.books.pools, in: transaction) else {
                return
            }
            let place = KeyPair(product.account, product.dataCentre)
            var sum = sums[place] ?? AccountTotalRecord()
            sum.used &+= pool.consumed
            if !product.isDeleted { sum.remaining &+= pool.remaining }
            sums[place] = sum
        }
        sums = sums.filter { $0.value != AccountTotalRecord() }
        try read(books.accountTotals, in: transaction) { audit, place, total in
            let sum = sums.removeValue(forKey: place)
            let subject = "of account \(place.first) counted in \(place.second)"
            audit.expectEqual(total.used, sum?.used ?? 0, "used codes \(subject)")
            audit.expectEqual(total.remaining, sum?.remaining ?? 0, "remaining codes \(subject)")
            audit.expect(total != AccountTotalRecord(), "no codes \(subject) are in a record")
        }
        for place in sums.keys.sorted(by: { "\($0)" < "\($1)" }) {
            expect(false, "no codes of account \(place.first) are counted in \(place.second)")
        }
    }
}
