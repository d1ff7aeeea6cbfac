public import Storage
import Time

/// An import that still has, or may get, staged devices.
typealias LiveImport = (name: KeyPair<ProductKey, UInt64>, record: ImportRecord)

/// Staged devices: on their way from an import to `devices`.
extension Books {
    /// The device as the books have it: also one that a committed import brings and that has not
    /// landed yet, and a deleted one that left an entitlement: ask `isRegistered`.
    public func device(
        _ identity: DeviceIdentity,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> DeviceRecord? {
        let record = try devices.get(identity, in: transaction)
        if record?.isRegistered == true { return record }
        return try staged(identity, after: record, in: transaction) ?? record
    }

    /// The device that a committed import brings; `old` is what `devices` has, which is not
    /// registered. Costs one lookup as long as no import of the product is under way.
    func staged(
        _ identity: DeviceIdentity,
        after old: DeviceRecord?,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> DeviceRecord? {
        guard let pool = try pools.get(identity.product, in: transaction), pool.imports > 0 else {
            return nil
        }
        for (name, record) in try liveImports(of: identity.product, in: transaction)
        where record.state == .landing {
            let place = KeyPair(name.second, identity.device)
            if let staged = try stagedDevices.get(place, in: transaction) {
                return staged.record(registeredAt: record.changedAt, after: old)
            }
        }
        return nil
    }

    /// The product's imports that still have, or may get, staged devices: few.
    func liveImports(
        of product: ProductKey,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [LiveImport] {
        var names: [KeyPair<ProductKey, UInt64>] = []
        try importing.forEach(in: transaction, prefix: product) { name, _ in
            names.append(name)
            return .proceed
        }
        return try records(of: names, in: transaction)
    }

    /// Those of all products.
    func liveImports(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [LiveImport] {
        var names: [KeyPair<ProductKey, UInt64>] = []
        try importing.forEach(in: transaction) { name, _ in
            names.append(name)
            return .proceed
        }
        return try records(of: names, in: transaction)
    }

    private func records(
        of names: [KeyPair<ProductKey, UInt64>],
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [LiveImport] {
        var found: [LiveImport] = []
        for name in names {
            guard let record = try imports.get(name, in: transaction) else {
                throw .malformed(what: "import \(name.second) is under way and has no record")
            }
            found.append((name, record))
        }
        return found
    }

    /// Keeps the imports of a product true while the record of one of its devices changes from
    /// `old` to `new`: what was staged has landed with this change, and an import that is being
    /// received is told that its device is known now, or is active no more.
    func settleStagedDevices(
        of identity: DeviceIdentity,
        from old: DeviceRecord?,
        to new: DeviceRecord?,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        for (name, record) in try liveImports(of: identity.product, in: transaction)
        where record.state != .abandoned {
            let place = KeyPair(name.second, identity.device)
            guard let staged = try stagedDevices.get(place, in: transaction) else { continue }
            var after = record
            if record.state == .landing {
                try stagedDevices.delete(place, in: transaction)
                // Its device is enabled, whatever the one that was deleted was.
                try disabled.delete(identity, in: transaction)
                after.moved += 1
            } else if new?.isRegistered == true {
                after.conflict =
                    record.conflict ?? ImportConflict(line: staged.line, device: identity.device)
            } else if record.conflict == nil {
                if old?.isOpen == true { after.returning -= 1 }
                if new?.isOpen == true { after.returning += 1 }
            }
            if after != record { try imports.put(name, after, in: transaction) }
        }
    }

    /// Whether `move` would have anything to do.
    public func hasStagedDevices(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Bool {
        try liveImports(in: transaction).contains { $0.record.state != .receiving }
    }

    /// Lands the next rows of the first import that is committed, or removes those of one that is
    /// abandoned. Changes nothing that the books say.
    func moveStagedDevices(
        _ limit: Int,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        let waiting = try liveImports(in: transaction).filter { $0.record.state != .receiving }
        guard let (name, record) = waiting.first else {
            return .done(.moved(count: 0, more: false))
        }
        var rows: [(device: DeviceKey, staged: StagedDeviceRecord)] = []
        try stagedDevices.forEach(in: transaction, prefix: name.second, limit: limit) {
            place, staged in
            rows.append((place.second, staged))
            return .proceed
        }
        for (device, staged) in rows {
            if record.state == .landing {
                let identity = DeviceIdentity(product: name.first, device: device)
                let old = try devices.get(identity, in: transaction)
                let new = staged.record(registeredAt: record.changedAt, after: old)
                try devices.put(identity, new, in: transaction)
                if old?.isDisabled == true { try disabled.delete(identity, in: transaction) }
            }
            try stagedDevices.delete(KeyPair(name.second, device), in: transaction)
        }
        var after = record
        after.moved += UInt64(rows.count)
        let isOver = after.waiting == 0
        if isOver {
            try importing.delete(name, in: transaction)
            if record.state == .landing {
                after.state = .done
                try countImports(of: name.first, by: -1, in: transaction)
            }
        }
        if after != record { try imports.put(name, after, in: transaction) }
        return .done(.moved(count: UInt32(rows.count), more: !isOver || waiting.count > 1))
    }

    func countImports(
        of product: ProductKey,
        by change: Int,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        var pool = try pool(of: product, in: transaction)
        pool.imports = UInt32(Int(pool.imports) + change)
        try pools.put(product, pool, in: transaction)
    }
}
