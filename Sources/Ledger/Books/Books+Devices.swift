import Storage
import Time

extension Books {
    /// Puts `new` in the place of `old`, `nil` meaning no record, and keeps the product's figures of
    /// devices, the indexes of open entitlements and of disabled devices, and the imports under way
    /// true: the only place that writes any of them for one device. `old` is what `device(_:in:)`
    /// has found.
    func replace(
        _ old: DeviceRecord?,
        with new: DeviceRecord?,
        of identity: DeviceIdentity,
        pool: inout PoolRecord,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        Self.adjust(
            &pool.devicesKnown,
            from: old?.isRegistered ?? false,
            to: new?.isRegistered ?? false
        )
        Self.adjust(
            &pool.devicesActive,
            from: old?.isActive ?? false,
            to: new?.isActive ?? false
        )
        let (before, after) = (old?.openEnd(of: identity), new?.openEnd(of: identity))
        if before != after {
            if let before { try expiring.delete(before, in: transaction) }
            if let after {
                let record = ExpiringRecord(device: identity.device)
                try expiring.put(after, record, in: transaction)
            }
        }
        if pool.imports > 0 {
            try settleStagedDevices(of: identity, from: old, to: new, in: transaction)
        }
        let (wasDisabled, isDisabled) = (old?.isDisabled ?? false, new?.isDisabled ?? false)
        if isDisabled && !wasDisabled {
            try disabled.put(identity, EmptyRecord(), in: transaction)
        }
        if wasDisabled && !isDisabled { try disabled.delete(identity, in: transaction) }
        if let new {
            try devices.put(identity, new, in: transaction)
        } else {
            try devices.delete(identity, in: transaction)
        }
    }

    /// The same, with the product's pool read and written here.
    func replace(
        _ old: DeviceRecord?,
        with new: DeviceRecord?,
        of identity: DeviceIdentity,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        let before = try pool(of: identity.product, in: transaction)
        var after = before
        try replace(old, with: new, of: identity, pool: &after, in: transaction)
        if after != before { try pools.put(identity.product, after, in: transaction) }
    }

    private static func adjust(_ count: inout UInt64, from before: Bool, to after: Bool) {
        if after && !before { count += 1 }
        if before && !after { count -= 1 }
    }

    func setDisabled(
        _ identity: DeviceIdentity,
        _ isDisabled: Bool,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        try change(
            identity,
            evenIfDeleted: true,
            recording: .deviceDisabled(identity, isDisabled),
            command,
            in: transaction
        ) { device in
            device.isDisabled = isDisabled
        }
    }

    func resetSecret(
        _ identity: DeviceIdentity,
        _ secret: SealedSecret,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        try change(identity, recording: .secretReset(identity), command, in: transaction) {
            device in
            device.secret = secret
            device.isSecretConfirmed = false
        }
    }

    func confirmSecretUse(
        _ identity: DeviceIdentity,
        _ proven: SecretFingerprint,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        try change(identity, recording: .secretConfirmed(identity), command, in: transaction) {
            device in
            device.confirm(proven)
        }
    }

    /// Rule B6: while the product's renewal is off, the list of exceptions is kept as it is.
    func setDeviceRenewal(
        _ identity: DeviceIdentity,
        _ isOn: Bool,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        if let product = try existing(identity.product, in: transaction), !product.autoRenewal {
            return .refused(.productRenewalOff(identity.product))
        }
        return try change(
            identity, recording: .deviceRenewalSet(identity, isOn), command, in: transaction
        ) { device in
            device.isExceptedFromRenewal = !isOn
        }
    }

    /// Rule B8: no code comes back. A device that ever consumed one leaves its entitlement, its
    /// secret and its settings, so that it can return; so does one that is on the blacklist (rule B6).
    /// Another leaves nothing.
    func deleteDevice(
        _ identity: DeviceIdentity,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard try existing(identity.product, in: transaction) != nil else {
            return .refused(.unknownProduct(identity.product))
        }
        guard let device = try device(identity, in: transaction), device.isRegistered else {
            return .refused(.unknownDevice(identity))
        }
        var new: DeviceRecord? = device
        new?.isRegistered = false
        if device.entitlement == nil, !device.isExceptedFromRenewal { new = nil }
        try replace(device, with: new, of: identity, in: transaction)
        return .done(try record(.deviceDeleted(identity), command, in: transaction))
    }

    /// Changes the record of a device that exists, and records that, if it changes at all.
    private func change(
        _ identity: DeviceIdentity,
        evenIfDeleted: Bool = false,
        recording change: Change,
        _ command: Command,
        in transaction: borrowing WriteTransaction,
        _ body: (inout DeviceRecord) -> Void
    ) throws(StoreError) -> Outcome {
        guard try existing(identity.product, in: transaction) != nil else {
            return .refused(.unknownProduct(identity.product))
        }
        guard let device = try device(identity, in: transaction),
            device.isRegistered || evenIfDeleted
        else { return .refused(.unknownDevice(identity)) }
        var new = device
        body(&new)
        if new == device { return .done(.unchanged) }
        try replace(device, with: new, of: identity, in: transaction)
        return .done(try record(change, command, in: transaction))
    }
}

extension DeviceRecord {
    /// A login has proven that secret. One that was reset since is not the device's any more.
    mutating func confirm(_ proven: SecretFingerprint?) {
        if let proven, secret?.fingerprint == proven { isSecretConfirmed = true }
    }

    /// Where the index of open entitlements has the device's.
    fileprivate func openEnd(
        of identity: DeviceIdentity
    ) -> KeyTriple<Timestamp, ProductKey, UInt64>? {
        guard isOpen, let entitlement else { return nil }
        return KeyTriple(entitlement.expiresAt, identity.product, entitlement.code.serial)
    }
}

/// How devices come into the books without consuming a code (Wire.md, "Registration").
extension Books {
    func registerDevice(
        _ identity: DeviceIdentity,
        _ secret: SealedSecret,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard let product = try existing(identity.product, in: transaction) else {
            return .refused(.unknownProduct(identity.product))
        }
        let device = try self.device(identity, in: transaction)
        if device?.isDisabled == true { return .refused(.deviceDisabled(identity)) }
        let isKnown = device?.isRegistered == true
        let isAllowed =
            switch product.registration {
            case .open: true
            case .imported: isKnown
            case .closed: false
            }
        guard isAllowed else { return .refused(.registrationNotAllowed(identity)) }
        if isKnown, let held = device?.secret {
            return device?.isSecretConfirmed == true
                ? .refused(.secretInUse(identity)) : .done(.registered(held))
        }
        var new = device ?? DeviceRecord(secret: secret, registeredAt: command.at)
        new.secret = secret
        new.isSecretConfirmed = false
        if !isKnown {
            new.isRegistered = true
            new.registeredAt = command.at
        }
        try replace(device, with: new, of: identity, in: transaction)
        _ = try record(.deviceRegistered(identity), command, in: transaction)
        return .done(.registered(secret))
    }

    /// All rows, or none and the number of the first bad one.
    func importDevices(
        _ key: ProductKey,
        _ rows: [DeviceImport],
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard try existing(key, in: transaction) != nil else {
            return .refused(.unknownProduct(key))
        }
        guard rows.count <= Self.importMaximumRows else {
            return .refused(.importTooLarge(maximumRows: UInt32(Self.importMaximumRows)))
        }
        if rows.isEmpty { return .done(.unchanged) }
        var seen: Set<DeviceKey> = []
        for (index, row) in rows.enumerated() {
            if let fault = try fault(of: row, for: key, seen: &seen, in: transaction) {
                return .refused(
                    .importRow(row: UInt32(index + 1), device: row.device, fault: fault)
                )
            }
        }
        var pool = try pool(of: key, in: transaction)
        for row in rows {
            let identity = DeviceIdentity(product: key, device: row.device)
            let old = try device(identity, in: transaction)
            let new = DeviceRecord(secret: row.secret, name: row.name, registeredAt: command.at)
                .keepingEntitlement(of: old)
            try replace(old, with: new, of: identity, pool: &pool, in: transaction)
        }
        try pools.put(key, pool, in: transaction)
        return .done(
            try record(
                .devicesImported(key, count: UInt32(rows.count), import: nil),
                command,
                in: transaction
            )
        )
    }

    private func fault(
        of row: DeviceImport,
        for product: ProductKey,
        seen: inout Set<DeviceKey>,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> ImportFault? {
        if row.name.utf8.count > Self.nameMaximumLength { return .nameTooLong }
        if !seen.insert(row.device).inserted { return .repeatedRow }
        let identity = DeviceIdentity(product: product, device: row.device)
        return try device(identity, in: transaction)?.isRegistered == true ? .exists : nil
    }
}
