import Storage
import Time

/// The top-up packs: each unit is in one place, as leases and changes say (rules C6 and A11).
extension Audit {
    mutating func checkTopUps(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        let leased = try checkLeases(in: transaction)
        let counted = try countTopUpChanges(in: transaction)
        var totals: [KeyPair<AccountID, TopUpKind>: TopUpCounters] = [:]
        var open = 0
        try read(books.topUps, in: transaction) { (audit, place, pack) throws(StoreError) in
            var expected = counted[place] ?? TopUpCounters()
            expected.leased = leased[place] ?? 0
            expected.remaining = pack.counters.remaining
            let subject = "top-up pack \(place.id) of account \(place.account)"
            audit.expect(
                pack.counters.isBalanced,
                "\(subject): quantity is not remaining + leased + used + expired + voided"
            )
            audit.expectEqual(pack.counters, expected, "\(subject) against its leases and changes")
            let isKnown = try audit.books.accounts.contains(place.account, in: transaction)
            audit.expect(isKnown, "\(subject): there is no such account")
            audit.expect(
                pack.counters.voided == 0 || pack.counters.remaining == 0,
                "\(subject) is void and has units left")
            if pack.counters.remaining > 0 {
                open += 1
                try audit.checkOpenTopUp(place, subject, in: transaction)
            }
            let owner = KeyPair(place.account, place.kind)
            totals[owner, default: TopUpCounters()].add(pack.counters)
        }
        for place in counted.keys where try !books.topUps.contains(place, in: transaction) {
            expect(false, "top-up pack \(place.id) of account \(place.account) is not there")
        }
        for (place, _) in leased where try !books.topUps.contains(place, in: transaction) {
            expect(false, "top-up pack \(place.id) is leased from, and is not there")
        }
        try checkTopUpTotals(totals, in: transaction)
        try checkOpenTopUps(open, in: transaction)
    }

    private mutating func checkOpenTopUp(
        _ place: TopUpPlace,
        _ subject: String,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        let isOpen = try books.openTopUps.contains(place, in: transaction)
        let expires = try books.topUpExpiries.contains(
            KeyPair(place.expiresAt, place),
            in: transaction
        )
        expect(isOpen, "\(subject) has units left and is not among the open ones")
        expect(expires, "\(subject) has units left and would not expire")
    }

    private mutating func checkOpenTopUps(
        _ open: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        try expectCount(of: books.openTopUps, open, in: transaction) {
            (audit, place, _) throws(StoreError) in
            try audit.isOpen(place, in: transaction)
        }
        try expectCount(of: books.topUpExpiries, open, in: transaction) {
            (audit, key, _) throws(StoreError) in
            let isOpen = try audit.isOpen(key.second, in: transaction)
            return isOpen && key.first == key.second.expiresAt
        }
    }

    private func isOpen(
        _ place: TopUpPlace,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Bool {
        try get(place, of: books.topUps, in: transaction).map { $0.counters.remaining > 0 } ?? false
    }

    private mutating func checkTopUpTotals(
        _ totals: [KeyPair<AccountID, TopUpKind>: TopUpCounters],
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var left = totals
        try read(books.topUpTotals, in: transaction) { audit, key, stored in
            audit.expectEqual(
                stored,
                left.removeValue(forKey: key) ?? TopUpCounters(),
                "totals of the \(key.second.name) packs of account \(key.first)"
            )
        }
        for key in left.keys.sorted(by: { "\($0)" < "\($1)" }) {
            expect(false, "account \(key.first) has no totals of its \(key.second.name) packs")
        }
    }

    /// The units of each pack that are with holders.
    private mutating func checkLeases(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [TopUpPlace: UInt64] {
        var leased: [TopUpPlace: UInt64] = [:]
        var count = 0
        try read(books.leases, in: transaction) { (audit, id, lease) throws(StoreError) in
            count += 1
            leased[lease.pack, default: 0] &+= lease.units
            let isListed = try audit.books.leasesByHolder.contains(
                KeyPair(lease.holder, id),
                in: transaction
            )
            audit.expect(isListed, "lease \(id) is not among those of \(lease.holder)")
        }
        try expectCount(of: books.leasesByHolder, count, in: transaction) {
            (audit, key, _) throws(StoreError) in
            try audit.get(key.second, of: audit.books.leases, in: transaction)?.holder == key.first
        }
        return leased
    }

    /// What the lists of changes make of each pack: its quantity, and what was used or expired.
    private mutating func countTopUpChanges(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [TopUpPlace: TopUpCounters] {
        var counted: [TopUpPlace: TopUpCounters] = [:]
        try read(books.topUpChanges, in: transaction) { (audit, key, _) throws(StoreError) in
            let row = try audit.find { () throws(StoreError) in
                try audit.books.movement(key.third, in: transaction)
            }
            audit.expect(
                row?.change.pack.account == key.first && row?.change.pack.kind == key.second,
                "change \(key.third) is not one of the \(key.second.name) packs of \(key.first)"
            )
            if let row, !row.change.uses.isEmpty {
                let isKnown = row.change.uses.units.map { $0 <= row.units } ?? false
                audit.expect(isKnown, "change \(key.third) names devices of more than was used")
            }
            if let row { counted[row.change.pack, default: TopUpCounters()].count(row) }
        }
        return counted
    }
}

extension TopUpCounters {
    fileprivate mutating func count(_ row: TopUpMovement) {
        switch row.kind {
        case .purchase, .gift: quantity &+= row.units
        case .deduction: used &+= row.units
        case .giveBack: used &-= row.units
        case .expiry: expired &+= row.units
        case .void: voided &+= row.units
        }
    }
}

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
            if record.state == .requested, audit.format >= 5 {
                tally.open += 1
                let place = KeyPair(record.sequence, identity)
                let open = try audit.get(place, of: audit.books.openUpgrades, in: transaction)
                audit.expect(open?.id == key.second, "\(subject) is not among those not reported")
            }
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
        try expectCount(of: books.openUpgrades, tally.open, in: transaction) {
            (audit, key, name) throws(StoreError) in
            let upgrade = try audit.get(
                KeyPair(key.second, name.id), of: audit.books.upgrades, in: transaction)
            return upgrade?.sequence == key.first && upgrade?.state == .requested
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

/// What upgrades that were not given back took, summed on the way through all of them.
struct UpgradeTally {
    /// Those that were not reported.
    var open = 0

    private(set) var identity: DeviceIdentity?

    /// Of this device's allowances.
    private(set) var months: [Month: UInt64] = [:]
    private(set) var drawn: [TopUpPlace: UInt64] = [:]
    private(set) var upgrades = 0
    private var usedMonthsBefore = 0

    /// Months of all devices so far with attempts of their allowance used.
    var usedMonths: Int { usedMonthsBefore + months.values.count { $0 > 0 } }

    mutating func begin(_ identity: DeviceIdentity) {
        usedMonthsBefore = usedMonths
        months = [:]
        self.identity = identity
    }

    /// Wraps around rather than traps: what is counted may be damaged.
    mutating func count(_ record: UpgradeRecord) {
        upgrades += 1
        let isPaid = record.state != .failed
        months[record.month, default: 0] &+= isPaid ? record.fromAllowance : 0
        for draw in record.draws where isPaid { drawn[draw.pack, default: 0] &+= draw.units }
    }
}
