import Storage
import Time

/// OTA upgrades: what they cost is what the months and the packs have given (rules D1 and D2).
extension Audit {
    mutating func checkUpgrades(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var tally = UpgradeTally()
        try read(books.upgrades, in: transaction) { (audit, key, record) throws(StoreError) in
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
            let name = try audit.get(
                KeyPair(identity, record.sequence),
                of: audit.books.upgradeOrder,
                in: transaction
            )
            audit.expect(name?.id == key.second, "\(subject) is not in the device's list")
        }
        try checkMonths(tally, in: transaction)
        expectEqual(tally.upgrades, log.upgrades, "the number of upgrades against those requested")
        try expectCount(of: books.upgradeOrder, tally.upgrades, in: transaction) {
            (audit, key, name) throws(StoreError) in
            let upgrade = try audit.get(
                KeyPair(key.first, name.id), of: audit.books.upgrades, in: transaction)
            return upgrade?.sequence == key.second
        }
        try read(books.upgradeMonths, in: transaction) { _, _, _ in }
        try expectCount(of: books.upgradeMonths, tally.usedMonths, in: transaction) {
            (audit, key, _) throws(StoreError) in
            try audit.hasUpgrades(key.first, in: key.second, in: transaction)
        }
        try checkDraws(tally, in: transaction)
    }

    private mutating func checkMonths(
        _ tally: UpgradeTally,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        guard let identity = tally.identity else { return }
        for (month, used) in tally.months.sorted(by: { $0.key < $1.key }) {
            let stored = try get(
                KeyPair(identity, month), of: books.upgradeMonths, in: transaction)
            expectEqual(stored?.used ?? 0, used, "upgrades of \(identity) in \(month)")
        }
    }

    /// Whether some upgrade of the device is paid with that month's allowance.
    private func hasUpgrades(
        _ identity: DeviceIdentity,
        in month: Month,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Bool {
        var audit = self
        var tally = UpgradeTally()
        tally.begin(identity)
        try audit.read(books.upgrades, prefix: identity, in: transaction) {
            _, _, record in
            tally.count(record)
        }
        return tally.months[month, default: 0] > 0
    }

    private mutating func checkDraws(
        _ tally: UpgradeTally,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var drawn = tally.drawn
        try read(books.topUps, in: transaction) { audit, place, pack in
            guard place.kind == .ota else { return }
            audit.expectEqual(
                pack.counters.used,
                drawn.removeValue(forKey: place) ?? 0,
                "attempts that upgrades took from pack \(place.id) of account \(place.account)"
            )
        }
        for place in drawn.keys.sorted(by: { $0.id < $1.id }) {
            expect(false, "upgrades took attempts from pack \(place.id), which is no OTA pack")
        }
    }
}
