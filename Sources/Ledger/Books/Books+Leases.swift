import Storage

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
        guard
            let place = try nextTopUp(of: account, .messages, at: command.at, in: transaction)
        else { return .refused(.noTopUpLeft(account)) }
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
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard let lease = try leases.get(id, in: transaction) else {
            return .refused(.unknownLease(id))
        }
        guard used <= lease.units else {
            return .refused(.leaseExceeded(lease: id, units: lease.units))
        }
        let returned = lease.units - used
        let effect = try end(
            id,
            lease,
            used: used,
            .settled(lease: id, used: used, returned: returned),
            command,
            in: transaction
        )
        if lease.pack.hasExpired(at: command.at) {
            let pack = try topUp(at: lease.pack, in: transaction)
            try expire(returned, of: pack, at: lease.pack, command, in: transaction)
        }
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
