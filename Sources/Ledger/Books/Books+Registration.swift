import Storage

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
