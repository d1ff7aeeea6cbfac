public import Storage
public import Time

/// OTA upgrades: paid for before they start, given back when they fail (rules D1 and D2).
extension Books {
    func carryOut(
        _ action: UpgradeAction,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        switch action {
        case .request(let identity, let id, let size):
            try requestUpgrade(identity, id, size, command, in: transaction)
        case .report(let identity, let id, let succeeded):
            try reportUpgrade(identity, id, succeeded, command, in: transaction)
        case .expire(let limit, let age):
            try expireUpgrades(limit, ageMilliseconds: age, command, in: transaction)
        }
    }

    private func requestUpgrade(
        _ identity: DeviceIdentity,
        _ id: UpgradeID,
        _ size: UpgradeSize,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        if let known = try upgrade(id, of: identity, in: transaction) {
            if known.record.state != .requested {
                return .refused(.upgrades(.reported(identity, id, known.record.state)))
            }
            guard known.record.size == size else {
                return .refused(.commands(.alreadyExists(what: "upgrade \(id) of \(identity)")))
            }
            return .repeated(.upgrade(known))
        }
        guard let product = try existing(identity.product, in: transaction) else {
            return .refused(.products(.unknown(identity.product)))
        }
        if let doubt = try time(at: command.at, in: transaction).doubt {
            return .refused(.clock(doubt))
        }
        let device = try self.device(identity, in: transaction)
        if let refusal = Self.refusal(ofUpgradeOf: identity, device, product, at: command.at) {
            return .refused(refusal)
        }
        let month = Month(of: command.at, at: product.dayOffset)
        let used = try upgradeMonths.get(KeyPair(identity, month), in: transaction)?.used ?? 0
        let own = try self.allowance(of: device, product, in: transaction)
        let allowance = UInt64(own?.otaPerMonth ?? 0)
        let left = allowance - min(used, allowance)
        let fromAllowance = min(left, size.attempts)
        let draws = try draws(
            upTo: size.attempts - fromAllowance,
            of: product.account,
            at: command.at,
            in: transaction
        )
        let record = UpgradeRecord(
            sequence: try head(in: transaction).lastSequence + 1,
            size: size,
            month: month,
            fromAllowance: fromAllowance,
            draws: draws,
            requestedAt: command.at,
            requestedBy: command.actor
        )
        guard fromAllowance + record.fromPacks == size.attempts else {
            return .refused(
                .upgrades(
                    .exhausted(needed: size.attempts, allowance: left, packs: record.fromPacks))
            )
        }
        let upgrade = Upgrade(identity: identity, id: id, record: record)
        try pay(for: upgrade, used: used, command, in: transaction)
        return .done(.upgrade(upgrade))
    }

    private static func refusal(
        ofUpgradeOf identity: DeviceIdentity,
        _ device: DeviceRecord?,
        _ product: ProductRecord,
        at time: Timestamp
    ) -> Refusal? {
        guard let device, device.isRegistered else { return .devices(.unknown(identity)) }
        if device.isDisabled { return .devices(.disabled(identity)) }
        if product.package == nil { return .products(.hasNoPackage(identity.product)) }
        return device.entitlement?.runs(at: time) == true ? nil : .devices(.notActive(identity))
    }

    /// What the account's OTA packs give, the one that expires first in front: together `units`, or
    /// all that is left. Writes nothing.
    private func draws(
        upTo units: UInt64,
        of account: AccountID,
        at time: Timestamp,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> [TopUpDraw] {
        var wanted = units
        var draws: [TopUpDraw] = []
        if wanted == 0 { return draws }
        // Every open pack has a unit at least, so that this looks at no more of them than wanted.
        try forEachOpenTopUp(of: account, .ota, at: time, in: transaction) {
            (place) throws(StoreError) in
            let remaining = try topUp(at: place, in: transaction).counters.remaining
            let draw = TopUpDraw(pack: place, units: min(wanted, remaining))
            draws.append(draw)
            wanted -= draw.units
            return wanted > 0 ? .proceed : .stop
        }
        return draws
    }

    private func pay(
        for upgrade: Upgrade,
        used: UInt64,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        let (identity, id, record) = (upgrade.identity, upgrade.id, upgrade.record)
        try upgrades.put(KeyPair(identity, id), record, in: transaction)
        try upgradeOrder.put(
            KeyPair(identity, record.sequence),
            UpgradeNameRecord(id: id),
            in: transaction
        )
        try openUpgrades.put(
            KeyPair(record.sequence, identity), UpgradeNameRecord(id: id), in: transaction)
        try setUpgrades(
            used + record.fromAllowance,
            of: identity,
            in: record.month,
            in: transaction
        )
        let change = UpgradeChange(
            identity: identity,
            id: id,
            entry: .requested(
                record.size, fromAllowance: record.fromAllowance, fromPacks: record.fromPacks)
        )
        _ = try self.record(.upgrades(change), command, in: transaction)
        for draw in record.draws {
            try deduct(draw, for: upgrade, command, in: transaction)
        }
    }

    private func reportUpgrade(
        _ identity: DeviceIdentity,
        _ id: UpgradeID,
        _ succeeded: Bool,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard let known = try upgrade(id, of: identity, in: transaction) else {
            return .refused(.upgrades(.unknown(identity, id)))
        }
        let state = succeeded ? UpgradeState.succeeded : .failed
        if known.record.state == state { return .repeated(.upgrade(known)) }
        guard known.record.state == .requested else {
            return .refused(.upgrades(.reported(identity, id, known.record.state)))
        }
        var record = known.record
        record.state = state
        record.reportedAt = command.at
        try upgrades.put(KeyPair(identity, id), record, in: transaction)
        try openUpgrades.delete(KeyPair(record.sequence, identity), in: transaction)
        try endOffer(to: identity, id, as: state, command, in: transaction)
        let change = UpgradeChange(
            identity: identity, id: id, entry: .reported(succeeded: succeeded))
        _ = try self.record(.upgrades(change), command, in: transaction)
        let upgrade = Upgrade(identity: identity, id: id, record: record)
        if !succeeded { try giveBack(upgrade, command, in: transaction) }
        return .done(.upgrade(upgrade))
    }

    /// Rule D2: what nobody reports ends after a time.
    private func expireUpgrades(
        _ limit: UInt32,
        ageMilliseconds: Int64,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        let due = try overdueUpgrades(
            limit, ageMilliseconds: ageMilliseconds, at: command.at, in: transaction)
        for upgrade in due {
            var record = upgrade.record
            record.state = .unreported
            record.reportedAt = command.at
            try upgrades.put(KeyPair(upgrade.identity, upgrade.id), record, in: transaction)
            try openUpgrades.delete(
                KeyPair(record.sequence, upgrade.identity), in: transaction)
            try endOffer(
                to: upgrade.identity, upgrade.id, as: .unreported, command, in: transaction)
            let change = UpgradeChange(
                identity: upgrade.identity, id: upgrade.id, entry: .unreported)
            _ = try self.record(.upgrades(change), command, in: transaction)
        }
        let isFull = limit > 0 && due.count == Int(limit)
        return .done(.ended(count: UInt32(due.count), more: isFull))
    }

    /// Whether `expire` would end anything then.
    public func hasOverdueUpgrades(
        ageMilliseconds: Int64,
        at time: Timestamp,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Bool {
        try !overdueUpgrades(
            1, ageMilliseconds: ageMilliseconds, at: time, in: transaction
        ).isEmpty
    }

    /// Upgrades that were requested so long ago, and not reported.
    private func overdueUpgrades(
        _ limit: UInt32,
        ageMilliseconds: Int64,
        at time: Timestamp,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [Upgrade] {
        let latest = try self.time(at: time, in: transaction).time
            .adding(milliseconds: -max(0, ageMilliseconds))
        var due: [Upgrade] = []
        try openUpgrades.forEach(in: transaction, limit: Int(limit)) {
            (key, name) throws(StoreError) in
            guard let upgrade = try upgrade(name.id, of: key.second, in: transaction) else {
                throw .malformed(what: "upgrade \(name.id) of \(key.second) is not there")
            }
            guard upgrade.record.requestedAt <= latest else { return .stop }
            due.append(upgrade)
            return .proceed
        }
        return due
    }

    private func giveBack(
        _ upgrade: Upgrade,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        let record = upgrade.record
        let month = KeyPair(upgrade.identity, record.month)
        let used = try upgradeMonths.get(month, in: transaction)?.used ?? 0
        guard used >= record.fromAllowance else {
            throw .malformed(what: "fewer upgrades of \(upgrade.identity) than were paid for")
        }
        try setUpgrades(
            used - record.fromAllowance,
            of: upgrade.identity,
            in: record.month,
            in: transaction
        )
        for draw in record.draws {
            try giveBack(draw, of: upgrade, command, in: transaction)
        }
    }

    /// Attempts of the month's allowance that are used; no record for none.
    private func setUpgrades(
        _ used: UInt64,
        of identity: DeviceIdentity,
        in month: Month,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        let key = KeyPair(identity, month)
        if used > 0 {
            try upgradeMonths.put(key, UpgradeMonthRecord(used: used), in: transaction)
        } else {
            try upgradeMonths.delete(key, in: transaction)
        }
    }

    private func deduct(
        _ draw: TopUpDraw,
        for upgrade: Upgrade,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        let old = try topUp(at: draw.pack, in: transaction)
        var new = old
        try new.counters.move(draw.units, from: \.remaining, to: \.used)
        try replace(old, with: new, at: draw.pack, in: transaction)
        _ = try record(
            .deducted(units: draw.units, upgrade.identity, upgrade.id),
            of: draw.pack,
            command,
            in: transaction
        )
    }

    private func giveBack(
        _ draw: TopUpDraw,
        of upgrade: Upgrade,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        let old = try topUp(at: draw.pack, in: transaction)
        var new = old
        try new.counters.move(draw.units, from: \.used, to: \.remaining)
        try replace(old, with: new, at: draw.pack, in: transaction)
        _ = try record(
            .returned(units: draw.units, upgrade.identity, upgrade.id),
            of: draw.pack,
            command,
            in: transaction
        )
        try withdraw(returned: draw.units, at: draw.pack, command, in: transaction)
    }
}
