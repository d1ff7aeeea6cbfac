public import Storage
public import Time

/// Top-up packs: entered, closed, and how their units are counted (rule C6).
extension Books {
    func carryOut(
        _ action: TopUpAction,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        switch action {
        case .enter(let account, let kind, let source, let quantity, let expiresAt):
            try enterTopUp(account, kind, source, quantity, expiresAt, command, in: transaction)
        case .lease(let account, let holder, let needed, let block):
            try lease(account, holder, needed: needed, block: block, command, in: transaction)
        case .settle(let lease, let used, let uses):
            try settle(lease, used: used, uses, command, in: transaction)
        case .abandon(let holder, let limit):
            try abandon(holder, limit, command, in: transaction)
        case .expire(let limit):
            try expireTopUps(limit, command, in: transaction)
        }
    }

    private func enterTopUp(
        _ account: AccountID,
        _ kind: TopUpKind,
        _ source: TopUpSource,
        _ quantity: UInt64,
        _ expiresAt: Timestamp,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard try accounts.contains(account, in: transaction) else {
            return .refused(.accounts(.unknown(account)))
        }
        guard (1...Self.topUpMaximum).contains(quantity) else {
            return .refused(.commands(.quantityOutOfRange(maximum: Self.topUpMaximum)))
        }
        let place = TopUpPlace(
            account: account,
            kind: kind,
            expiresAt: expiresAt,
            id: try head(in: transaction).lastSequence + 1
        )
        if place.hasExpired(at: command.at) { return .refused(.topUps(.expiryPassed(expiresAt))) }
        let record = TopUpRecord(
            source: source,
            quantity: quantity,
            at: command.at,
            actor: command.actor
        )
        try replace(nil, with: record, at: place, in: transaction)
        return .done(
            try self.record(
                .entered(source, quantity: quantity),
                of: place,
                command,
                in: transaction
            )
        )
    }

    private func expireTopUps(
        _ limit: UInt32,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        let due = try expiredTopUps(limit, at: command.at, in: transaction)
        for place in due {
            let pack = try topUp(at: place, in: transaction)
            try expire(pack.counters.remaining, of: pack, at: place, command, in: transaction)
        }
        let isFull = limit > 0 && due.count == Int(limit)
        return .done(.ended(count: UInt32(due.count), more: isFull))
    }

    /// Whether `expire` would close anything then.
    public func hasExpiredTopUps(
        at time: Timestamp,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Bool {
        try !expiredTopUps(1, at: time, in: transaction).isEmpty
    }

    /// Packs that have expired with units left.
    private func expiredTopUps(
        _ limit: UInt32,
        at time: Timestamp,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [TopUpPlace] {
        var due: [TopUpPlace] = []
        let now = try self.time(at: time, in: transaction).time
        try topUpExpiries.forEach(in: transaction, limit: Int(limit)) { key, _ in
            guard key.second.hasExpired(at: now) else { return .stop }
            due.append(key.second)
            return .proceed
        }
        return due
    }

    private func expire(
        _ units: UInt64,
        of pack: TopUpRecord,
        at place: TopUpPlace,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        try withdraw(units, of: pack, at: place, as: \.expired, in: transaction)
        _ = try record(.expired(units: units), of: place, command, in: transaction)
    }

    /// So many of the units that are left can't be used any more.
    func withdraw(
        _ units: UInt64,
        of pack: TopUpRecord,
        at place: TopUpPlace,
        as part: WritableKeyPath<TopUpCounters, UInt64>,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        var new = pack
        try new.counters.move(units, from: \.remaining, to: part)
        try replace(pack, with: new, at: place, in: transaction)
    }

    /// Units that have come back to a pack that was voided, or has expired, can't be used any more.
    func withdraw(
        returned units: UInt64,
        at place: TopUpPlace,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        if units == 0 { return }
        let pack = try topUp(at: place, in: transaction)
        if pack.counters.voided > 0 {
            try withdraw(units, of: pack, at: place, as: \.voided, in: transaction)
            _ = try record(.voided(units: units), of: place, command, in: transaction)
        } else if place.hasExpired(at: try time(at: command.at, in: transaction).time) {
            try expire(units, of: pack, at: place, command, in: transaction)
        }
    }

    /// The pack that is drawn from next: the first to expire that has units left.
    func nextTopUp(
        of account: AccountID,
        _ kind: TopUpKind,
        at time: Timestamp,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> TopUpPlace? {
        var next: TopUpPlace?
        try forEachOpenTopUp(of: account, kind, at: time, in: transaction) { place in
            next = place
            return .stop
        }
        return next
    }

    /// The packs that have units left and have not expired, the first to expire first. The body must
    /// not write.
    func forEachOpenTopUp(
        of account: AccountID,
        _ kind: TopUpKind,
        at time: Timestamp,
        in transaction: borrowing some Transaction & ~Copyable,
        _ body: (TopUpPlace) throws(StoreError) -> Iteration
    ) throws(StoreError) {
        // No id is as great: packs that expire now are passed over.
        let expired = TopUpPlace(account: account, kind: kind, expiresAt: time, id: .max)
        try openTopUps.forEach(
            in: transaction,
            prefix: KeyPair(account, kind),
            from: .excluding(expired)
        ) { (place, _) throws(StoreError) in try body(place) }
    }

    /// A pack that something else names; it must be there.
    func topUp(
        at place: TopUpPlace,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> TopUpRecord {
        guard let pack = try topUps.get(place, in: transaction) else {
            throw .malformed(what: "no top-up pack \(place.id) of \(place.account)")
        }
        return pack
    }

    /// Puts `new` in the place of `old`, `nil` meaning no record, and keeps the totals and the
    /// indexes of packs with units left true: the only place that writes any of them.
    func replace(
        _ old: TopUpRecord?,
        with new: TopUpRecord,
        at place: TopUpPlace,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        let (before, after) = (old?.counters.remaining ?? 0, new.counters.remaining)
        if before == 0 && after > 0 {
            try openTopUps.put(place, EmptyRecord(), in: transaction)
            try topUpExpiries.put(KeyPair(place.expiresAt, place), EmptyRecord(), in: transaction)
        }
        if before > 0 && after == 0 {
            try openTopUps.delete(place, in: transaction)
            try topUpExpiries.delete(KeyPair(place.expiresAt, place), in: transaction)
        }
        try topUps.put(place, new, in: transaction)
        var totals = try topUpTotals(of: place.account, place.kind, in: transaction)
        try totals.replace(old?.counters, with: new.counters)
        try topUpTotals.put(KeyPair(place.account, place.kind), totals, in: transaction)
    }

    /// Appends the event, and files it in the account's list of changes if it belongs there.
    func record(
        _ entry: TopUpChange.Entry,
        of place: TopUpPlace,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Effect {
        let change = TopUpChange(pack: place, entry: entry)
        let effect = try record(.topUps(change), command, in: transaction)
        if change.movement != nil { try listChange(of: place, in: transaction) }
        return effect
    }

    /// Files the latest event in the account's list of changes.
    func listChange(
        of place: TopUpPlace,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        let key = KeyTriple(
            place.account, place.kind, try head(in: transaction).lastSequence)
        try topUpChanges.put(key, EmptyRecord(), in: transaction)
    }
}

/// Units of message packs that are counted in memory, by a holder that may be gone before it says
/// how many it used (rule C6): they leave the pack first.
extension Books {
    func lease(
        _ account: AccountID,
        _ holder: LeaseHolder,
        needed: UInt64,
        block: UInt64,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        let now = try time(at: command.at, in: transaction).time
        guard let place = try nextTopUp(of: account, .messages, at: now, in: transaction)
        else { return .refused(.topUps(.noneLeft(account))) }
        let old = try topUp(at: place, in: transaction)
        let left = try topUpTotals(of: account, .messages, in: transaction).remaining
        let units = min(old.counters.remaining, max(1, needed, min(block, left / 4)))
        var new = old
        try new.counters.move(units, from: \.remaining, to: \.leased)
        try replace(old, with: new, at: place, in: transaction)
        let id = try head(in: transaction).lastSequence + 1
        try leases.put(
            id,
            LeaseRecord(pack: place, holder: holder, units: units, at: command.at),
            in: transaction
        )
        try leasesByHolder.put(KeyPair(holder, id), EmptyRecord(), in: transaction)
        _ = try record(
            .leased(lease: id, units: units, holder: holder),
            of: place,
            command,
            in: transaction
        )
        return .done(
            .leased(
                TopUpLease(
                    id: id,
                    account: account,
                    pack: place.id,
                    units: units,
                    expiresAt: place.expiresAt
                )
            )
        )
    }

    func settle(
        _ id: UInt64,
        used: UInt64,
        _ uses: [TopUpUse],
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard let lease = try leases.get(id, in: transaction) else {
            return .refused(.topUps(.unknownLease(id)))
        }
        if let refusal = Self.refusal(ofCount: uses.count, upTo: TopUpUse.ofLeaseMaximum) {
            return .refused(refusal)
        }
        guard used <= lease.units, let known = uses.units, known <= used else {
            return .refused(.topUps(.leaseExceeded(lease: id, units: lease.units)))
        }
        let returned = lease.units - used
        let effect = try end(
            id,
            lease,
            used: used,
            .settled(lease: id, used: used, returned: returned, uses: uses),
            command,
            in: transaction
        )
        try withdraw(returned: returned, at: lease.pack, command, in: transaction)
        return .done(effect)
    }

    func abandon(
        _ holder: LeaseHolder,
        _ limit: UInt32,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        var open: [UInt64] = []
        try leasesByHolder.forEach(in: transaction, prefix: holder, limit: Int(limit)) { key, _ in
            open.append(key.second)
            return .proceed
        }
        for id in open {
            guard let lease = try leases.get(id, in: transaction) else {
                throw .malformed(what: "lease \(id) of \(holder) is not there")
            }
            _ = try end(
                id,
                lease,
                used: lease.units,
                .abandoned(lease: id, units: lease.units),
                command,
                in: transaction
            )
        }
        let isFull = limit > 0 && open.count == Int(limit)
        return .done(.ended(count: UInt32(open.count), more: isFull))
    }

    /// Ends a lease: `used` of its units are used, the others are left in the pack again.
    private func end(
        _ id: UInt64,
        _ lease: LeaseRecord,
        used: UInt64,
        _ entry: TopUpChange.Entry,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Effect {
        let old = try topUp(at: lease.pack, in: transaction)
        var new = old
        try new.counters.move(used, from: \.leased, to: \.used)
        try new.counters.move(lease.units - used, from: \.leased, to: \.remaining)
        try replace(old, with: new, at: lease.pack, in: transaction)
        try leases.delete(id, in: transaction)
        try leasesByHolder.delete(KeyPair(lease.holder, id), in: transaction)
        return try record(entry, of: lease.pack, command, in: transaction)
    }
}
