import Storage

/// The devices, and the indexes that name them.
extension Audit {
    /// The figures of a product's devices, and each device's own list of consumed codes.
    mutating func checkDevices(
        of key: ProductKey,
        _ pool: PoolRecord,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        let arriving = arriving[key] ?? Arriving()
        var (known, active, consumed) = (arriving.known, arriving.active, UInt64(0))
        var audit = self
        try books.devices.forEach(in: transaction, prefix: key) {
            (identity, device) throws(StoreError) in
            audit.devicesSeen += 1
            if device.isRegistered { known += 1 }
            if device.isActive { active += 1 }
            consumed += UInt64(device.codesConsumed)
            audit.expect(
                device.isRegistered || device.entitlement != nil,
                "\(identity) is neither registered nor entitled"
            )
            if device.isOpen {
                audit.openDevices += 1
                audit.expect(device.entitlement != nil, "\(identity) is open without entitlement")
            }
            if let latest = device.entitlement {
                try audit.checkPeriods(of: identity, latest, in: transaction)
            }
            return .proceed
        }
        self = audit
        expectEqual(pool.devicesKnown, known, "devices known of product \(key)")
        expectEqual(pool.devicesActive, active, "devices active of product \(key)")
        expectEqual(pool.consumed, consumed, "codes that the devices of product \(key) consumed")
    }

    private mutating func checkPeriods(
        of identity: DeviceIdentity,
        _ latest: Entitlement,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        let place = KeyTriple(identity.product, latest.activatedAt, latest.code.serial)
        let filed = try books.consumptions.get(place, in: transaction)
            .map { Books.activation(at: place, $0) }
        expect(
            filed?.identity == identity && filed?.entitlement == latest,
            "the latest entitlement of \(identity) is not in the history as it is"
        )
        guard latest.period > 1 else { return }
        var audit = self
        var past: UInt32 = 0
        try books.periods.forEach(in: transaction, prefix: identity) {
            (key, period) throws(StoreError) in
            past += 1
            audit.expectEqual(key.second, past, "the next period of \(identity)")
            let record = try audit.books.consumptions.get(
                KeyTriple(identity.product, period.activatedAt, period.code.serial),
                in: transaction
            )
            audit.expect(
                record?.device == identity.device && record?.period == past,
                "period \(past) of \(identity) is not in the history"
            )
            return .proceed
        }
        self = audit
        pastPeriods += UInt64(past)
        expectEqual(past + 1, latest.period, "the periods of \(identity)")
    }

    /// Nothing is in an index that the records don't know.
    mutating func checkIndexes(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var audit = self
        try books.expiring.forEach(in: transaction) { (key, record) throws(StoreError) in
            let identity = DeviceIdentity(product: key.second, device: record.device)
            let device = try audit.books.devices.get(identity, in: transaction)
            audit.expect(
                device?.isOpen == true && device?.entitlement?.expiresAt == key.first
                    && device?.entitlement?.code.serial == key.third,
                "\(identity) is not open until \(key.first), as the expiry index says"
            )
            return .proceed
        }
        self = audit
        expectEqual(
            try books.expiring.count(in: transaction),
            openDevices,
            "entries of the expiry index against open devices"
        )
        expectEqual(
            try books.expiries.count(in: transaction),
            try books.consumptions.count(in: transaction),
            "history entries by expiry against those by activation"
        )
        expectEqual(
            UInt64(try books.periods.count(in: transaction)),
            pastPeriods,
            "past periods of devices"
        )
        expectEqual(
            try books.devices.count(in: transaction),
            devicesSeen,
            "device records against those of products"
        )
    }
}
