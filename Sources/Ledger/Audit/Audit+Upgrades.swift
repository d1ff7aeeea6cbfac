import Storage
import Time

/// OTA upgrades: what they cost is what the months and the packs have given (rules D1 and D2).
extension Audit {
    mutating func checkUpgrades(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var audit = self
        var tally = UpgradeTally()
        try books.upgrades.forEach(in: transaction) { (key, record) throws(StoreError) in
            let (identity, subject) = (key.first, "upgrade \(key.second) of \(key.first)")
            if identity != tally.identity {
                try audit.checkMonths(tally, in: transaction)
                tally.begin(identity)
            }
            tally.count(record)
            audit.expect(
                record.fromAllowance &+ record.fromPacks == record.size.attempts,
                "\(subject) did not cost what its size says"
            )
            let name = try audit.books.upgradeOrder.get(
                KeyPair(identity, record.sequence),
                in: transaction
            )
            audit.expect(name?.id == key.second, "\(subject) is not in the device's list")
            return .proceed
        }
        try audit.checkMonths(tally, in: transaction)
        self = audit
        expectEqual(
            try books.upgradeOrder.count(in: transaction),
            tally.upgrades,
            "upgrades in the lists of devices"
        )
        expectEqual(
            try books.upgradeMonths.count(in: transaction),
            tally.usedMonths,
            "months of devices with upgrades"
        )
        try checkDraws(tally, in: transaction)
    }

    private mutating func checkMonths(
        _ tally: UpgradeTally,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        guard let identity = tally.identity else { return }
        for (month, used) in tally.months.sorted(by: { $0.key < $1.key }) {
            let stored = try books.upgradeMonths.get(KeyPair(identity, month), in: transaction)
            expectEqual(stored?.used ?? 0, used, "upgrades of \(identity) in \(month)")
        }
    }

    private mutating func checkDraws(
        _ tally: UpgradeTally,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var audit = self
        var drawn = tally.drawn
        try books.topUps.forEach(in: transaction) { place, pack in
            guard place.kind == .ota else { return .proceed }
            audit.expectEqual(
                pack.counters.used,
                drawn.removeValue(forKey: place) ?? 0,
                "attempts that upgrades took from pack \(place.id) of account \(place.account)"
            )
            return .proceed
        }
        self = audit
        for place in drawn.keys.sorted(by: { $0.id < $1.id }) {
            expect(false, "upgrades took attempts from pack \(place.id), which is no OTA pack")
        }
    }
}
