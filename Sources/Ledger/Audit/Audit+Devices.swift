import Storage

/// The devices, and the history that they name.
extension Audit {
    /// The figures of a product's devices, and each device's own list of consumed codes.
    mutating func checkDevices(
        of key: ProductKey,
        _ pool: PoolRecord,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        let arriving = arriving[key] ?? Arriving()
        var (known, active, consumed) = (arriving.known, arriving.active, UInt64(0))
        try read(books.devices, prefix: key, in: transaction) {
            (audit, identity, device) throws(StoreError) in
            audit.devices.seen += 1
            if device.isRegistered { known += 1 }
            if device.isActive { active += 1 }
            consumed += UInt64(device.codesConsumed)
            try audit.check(device, identity, in: transaction)
        }
        expectEqual(pool.devicesKnown, known, "devices known of product \(key)")
        expectEqual(pool.devicesActive, active, "devices active of product \(key)")
        expectEqual(pool.consumed, consumed, "codes that the devices of product \(key) consumed")
    }

    private mutating func check(
        _ device: DeviceRecord,
        _ identity: DeviceIdentity,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        expect(
            device.isRegistered || device.entitlement != nil,
            "\(identity) is neither registered nor entitled"
        )
        expect(
            device.secret != nil || !device.isSecretConfirmed,
            "\(identity) has no secret that could have been confirmed"
        )
        if device.isOpen {
            devices.open += 1
            expect(device.entitlement != nil, "\(identity) is open without entitlement")
        }
        if device.isDisabled {
            devices.disabled += 1
            let isListed = try books.disabled.contains(identity, in: transaction)
            expect(isListed, "\(identity) is not among the disabled devices")
        }
        if let latest = device.entitlement {
            try checkPeriods(of: identity, latest, in: transaction)
        }
    }

    private mutating func checkPeriods(
        of identity: DeviceIdentity,
        _ latest: Entitlement,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        let place = KeyTriple(identity.product, latest.activatedAt, latest.code.serial)
        let filed = try get(place, of: books.consumptions, in: transaction)
            .map { Books.activation(at: place, $0) }
        expect(
            filed?.identity == identity && filed?.entitlement == latest,
            "the latest entitlement of \(identity) is not in the history as it is"
        )
        guard latest.period > 1 else { return }
        var past: UInt32 = 0
        try read(books.periods, prefix: identity, in: transaction) {
            (audit, key, period) throws(StoreError) in
            past &+= 1
            audit.expectEqual(key.second, past, "the next period of \(identity)")
            let record = try audit.get(
                KeyTriple(identity.product, period.activatedAt, period.code.serial),
                of: audit.books.consumptions,
                in: transaction
            )
            audit.expect(
                record?.device == identity.device && record?.period == past,
                "period \(past) of \(identity) is not in the history"
            )
        }
        devices.pastPeriods += Int(past)
        expectEqual(past &+ 1, latest.period, "the periods of \(identity)")
    }
}
