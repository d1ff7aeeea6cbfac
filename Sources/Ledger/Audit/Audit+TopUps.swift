import Storage

/// The top-up packs: quantity = remaining + leased + used + expired, as leases and changes say (C6).
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
                "\(subject): quantity is not remaining + leased + used + expired"
            )
            audit.expectEqual(pack.counters, expected, "\(subject) against its leases and changes")
            let isKnown = try audit.books.accounts.contains(place.account, in: transaction)
            audit.expect(isKnown, "\(subject): there is no such account")
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
        }
    }
}
