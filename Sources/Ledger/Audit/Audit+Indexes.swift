import Storage
import Time

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
        try expectCount(of: books.consumptions, log.activations, wasRead: true, in: transaction) {
            (audit, key, entry) throws(StoreError) in
            try audit.isOfDevice(entry, at: key, in: transaction)
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
