public import Storage

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
