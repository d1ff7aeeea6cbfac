import Storage
import Time

/// The devices, and the history that they name.
extension Audit {
    /// The figures of a product's devices, and each device's own list of consumed codes.
    mutating func checkDevices(
        of key: ProductKey,
        _ pool: PoolRecord,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        let staged = staged[key] ?? StagedTally()
        var (known, active, consumed) = (staged.known, staged.active, UInt64(0))
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
            device.isWorthKeeping, "\(identity) is neither registered nor entitled"
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

/// What the devices say that the indexes should have.
struct DeviceTally {
    var seen = 0

    /// Whose entitlement is open.
    var open = 0
    var disabled = 0
    var pastPeriods = 0

    /// Entries of the history.
    var entries = 0

    /// Codes that products have again.
    var returned = 0
}

/// Nothing is in an index, or in a history, that nothing else knows.
extension Audit {
    mutating func checkIndexes(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        try checkExpiring(in: transaction)
        try expectCount(of: books.devices, devices.seen, wasRead: true, in: transaction) {
            (audit, identity, _) throws(StoreError) in
            try audit.books.products.contains(identity.product, in: transaction)
        }
        try expectCount(of: books.disabled, devices.disabled, in: transaction) {
            (audit, identity, _) throws(StoreError) in
            try audit.get(identity, of: audit.books.devices, in: transaction)?.isDisabled == true
        }
        try checkHistory(in: transaction)
    }

    private mutating func checkExpiring(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        try read(books.expiring, in: transaction) { (audit, key, record) throws(StoreError) in
            let identity = DeviceIdentity(product: key.second, device: record.device)
            let device = try audit.get(identity, of: audit.books.devices, in: transaction)
            audit.expect(
                device?.isOpen == true && device?.entitlement?.expiresAt == key.first
                    && device?.entitlement?.code.serial == key.third,
                "\(identity) is not open until \(key.first), as the expiry index says"
            )
        }
        let count = try books.expiring.count(in: transaction)
        expectEqual(count, devices.open, "entries of the expiry index against open devices")
        if count == devices.open { return }
        try read(books.devices, in: transaction) {
            (audit, identity, device) throws(StoreError) in
            guard device.isOpen, let latest = device.entitlement else { return }
            let isListed = try audit.books.expiring.contains(
                KeyTriple(latest.expiresAt, identity.product, latest.code.serial),
                in: transaction)
            audit.expect(isListed, "\(identity) is open and not in the expiry index")
        }
    }

    private mutating func checkHistory(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        try expectCount(of: books.consumptions, devices.entries, wasRead: true, in: transaction) {
            (audit, key, _) throws(StoreError) in
            try audit.books.products.contains(key.first, in: transaction)
        }
        let activations = log.activations - log.voidedConsumptions
        try expectCount(of: books.consumptions, activations, wasRead: true, in: transaction) {
            (audit, key, entry) throws(StoreError) in
            try audit.isOfDevice(entry, at: key, in: transaction)
        }
        try expectCount(of: books.returned, devices.returned, in: transaction) {
            (audit, key, _) throws(StoreError) in
            try audit.books.products.contains(key.first, in: transaction)
        }
        try expectCount(of: books.voidedConsumptions, log.voidedConsumptions, in: transaction) {
            (audit, key, _) throws(StoreError) in
            guard let event = try audit.get(key.third, of: audit.books.events, in: transaction),
                case .corrections(let correction) = event.change,
                case .consumptionVoided(_, let entitlement) = correction.entry
            else { return false }
            return entitlement.code.serial == key.second
        }
        let entries = try books.consumptions.count(in: transaction)
        try expectCount(of: books.expiries, entries, in: transaction) {
            (audit, key, expiry) throws(StoreError) in
            let place = KeyTriple(key.first, expiry.activatedAt, key.third)
            let entry = try audit.get(place, of: audit.books.consumptions, in: transaction)
            return entry?.expiresAt == key.second
        }
        try expectCount(of: books.periods, devices.pastPeriods, in: transaction) {
            (audit, key, _) throws(StoreError) in
            let device = try audit.get(key.first, of: audit.books.devices, in: transaction)
            return device.map { key.second < $0.codesConsumed } ?? false
        }
    }

    /// Whether the device of a history entry says that it has had this period.
    private func isOfDevice(
        _ entry: ConsumptionRecord,
        at place: KeyTriple<ProductKey, Timestamp, UInt64>,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Bool {
        let identity = DeviceIdentity(product: place.first, device: entry.device)
        let code = ActivationCode(serial: place.third)
        let latest = try get(identity, of: books.devices, in: transaction)?.entitlement
        if latest?.code == code { return true }
        let past = try get(KeyPair(identity, entry.period), of: books.periods, in: transaction)
        return past == PeriodRecord(activatedAt: place.second, code: code)
    }
}
