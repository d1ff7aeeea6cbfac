public import Storage
public import Time

/// What a device's next upgrade can be paid with, in attempts (rules D1 and D2).
public struct UpgradeAllowance: Hashable, Sendable {
    /// The calendar month at the product's offset.
    public let month: Month

    /// What the device's code gives for the whole month; 0 without a package.
    public let allowance: UInt64

    /// Of the allowance; upgrades that failed have given theirs back.
    public let used: UInt64

    /// In the account's OTA packs that have not expired, for all its devices together.
    public let inPacks: UInt64

    /// Of the allowance.
    public var left: UInt64 { allowance - min(used, allowance) }
}

/// What the books say about OTA upgrades (rules D1 and D2).
extension Books {
    public func upgrade(
        _ id: UpgradeID,
        of identity: DeviceIdentity,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Upgrade? {
        try upgrades.get(KeyPair(identity, id), in: transaction)
            .map { Upgrade(identity: identity, id: id, record: $0) }
    }

    /// What an upgrade of the device could be paid with at `time`; whether it may start depends on the
    /// device, too. `nil` when there is no such product.
    public func upgradeAllowance(
        of identity: DeviceIdentity,
        at time: Timestamp,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> UpgradeAllowance? {
        guard let product = try existing(identity.product, in: transaction) else { return nil }
        let month = Month(of: time, at: product.dayOffset)
        // What is left in packs that have expired and not been closed yet: seconds' worth of packs.
        var expired: UInt64 = 0
        let end = TopUpPlace(account: product.account, kind: .ota, expiresAt: time, id: .max)
        try openTopUps.forEach(
            in: transaction,
            prefix: KeyPair(product.account, TopUpKind.ota),
            to: .including(end)
        ) { (place, _) throws(StoreError) in
            expired += try topUp(at: place, in: transaction).counters.remaining
            return .proceed
        }
        let remaining = try topUpTotals(of: product.account, .ota, in: transaction).remaining
        guard expired <= remaining else {
            throw .malformed(what: "packs of \(product.account) with more than their total")
        }
        let device = try self.device(identity, in: transaction)
        let own = try allowance(of: device, product, in: transaction)
        return UpgradeAllowance(
            month: month,
            allowance: UInt64(own?.otaPerMonth ?? 0),
            used: try upgradeMonths.get(KeyPair(identity, month), in: transaction)?.used ?? 0,
            inPacks: remaining - expired
        )
    }

    /// The device's upgrades, newest first; also those of a device that was deleted since.
    public func upgrades(
        of identity: DeviceIdentity,
        cursor: String? = nil,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<Upgrade> {
        try page(
            of: upgradeOrder,
            prefix: identity,
            reversed: true,
            reads: 2,
            cursor: cursor,
            limit: limit,
            in: transaction
        ) { (_, name) throws(StoreError) in
            try upgrade(name.id, of: identity, in: transaction)
        }
    }
}
