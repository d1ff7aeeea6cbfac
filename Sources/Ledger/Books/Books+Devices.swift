import Storage
import Time

/// Devices: what is done with one, whoever asks for it (rules B1 to B12).
extension Books {
    func carryOut(
        _ action: DeviceAction,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        switch action {
        case .register(let identity, let secret):
            try register(identity, secret, command, in: transaction)
        case .activate(let identity, let confirmsSecret, let place):
            try activate(identity, confirmsSecret, place, command, in: transaction)
        case .activateByCertificate(let identity, let shown, let place):
            try activate(identity, showing: shown, at: place, command, in: transaction)
        case .setPins(let identity, let pins): try setPins(identity, pins, command, in: transaction)
        case .activateByHand(let identity): try activateByHand(identity, command, in: transaction)
        case .renew(let identity, let place): try renew(identity, place, command, in: transaction)
        case .endEntitlement(let identity): try endEntitlement(identity, command, in: transaction)
        case .endExpired(let limit, let grace):
            try endExpired(limit, graceMilliseconds: grace, command, in: transaction)
        case .setDisabled(let identity, let isDisabled):
            try setDisabled(identity, isDisabled, command, in: transaction)
        case .delete(let identity): try delete(identity, command, in: transaction)
        case .setRenewal(let identity, let isOn):
            try setRenewal(identity, isOn, command, in: transaction)
        case .resetSecret(let identity, let secret):
            try resetSecret(identity, secret, command, in: transaction)
        case .confirmSecretUse(let identity, let proven):
            try confirmSecretUse(identity, proven, command, in: transaction)
        case .deleteMessages(let identity):
            try deleteMessages(identity, command, in: transaction)
        case .rename(let identity, let name): try rename(identity, name, command, in: transaction)
        case .setLimits(let identity, let limits):
            try change(
                identity, recording: .devices(.limitsSet(identity, limits)), command,
                in: transaction
            ) { device in device.limits = limits }
        case .changeDesired(let identity, let edit):
            try changeDesired(identity, edit, command, in: transaction)
        }
    }

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
        if old?.isRegistered == true && new?.isRegistered != true {
            try forgetMetadata(of: .device(identity), in: transaction)
            try desiredStates.delete(identity, in: transaction)
            try pins.delete(identity, in: transaction)
        }
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

    private func setDisabled(
        _ identity: DeviceIdentity,
        _ isDisabled: Bool,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        try change(
            identity,
            evenIfDeleted: true,
            recording: .devices(.disabled(identity, isDisabled)),
            command,
            in: transaction
        ) { device in
            device.isDisabled = isDisabled
        }
    }

    private func rename(
        _ identity: DeviceIdentity,
        _ name: String,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        if let refusal = Self.refusal(ofName: name) { return .refused(refusal) }
        return try change(
            identity, recording: .devices(.renamed(identity, name)), command, in: transaction
        ) { device in
            device.name = name
        }
    }

    private func resetSecret(
        _ identity: DeviceIdentity,
        _ secret: SealedSecret,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        try change(identity, recording: .devices(.secretReset(identity)), command, in: transaction)
        {
            device in
            device.secret = secret
            device.isSecretConfirmed = false
        }
    }

    /// Rule D3: the books only say so; each node that has stored some hears of it.
    private func deleteMessages(
        _ identity: DeviceIdentity,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard try existing(identity.product, in: transaction) != nil else {
            return .refused(.products(.unknown(identity.product)))
        }
        guard try device(identity, in: transaction) != nil else {
            return .refused(.devices(.unknown(identity)))
        }
        return .done(try record(.devices(.messagesDeleted(identity)), command, in: transaction))
    }

    private func confirmSecretUse(
        _ identity: DeviceIdentity,
        _ proven: SecretFingerprint,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        try change(
            identity, recording: .devices(.secretConfirmed(identity)), command, in: transaction
        ) {
            device in
            device.confirm(proven)
        }
    }

    /// Rule B6: while the product's renewal is off, the list of exceptions is kept as it is.
    private func setRenewal(
        _ identity: DeviceIdentity,
        _ isOn: Bool,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        if let product = try existing(identity.product, in: transaction), !product.autoRenewal {
            return .refused(.products(.renewalOff(identity.product)))
        }
        return try change(
            identity, recording: .devices(.renewalSet(identity, isOn)), command, in: transaction
        ) { device in
            device.isExceptedFromRenewal = !isOn
        }
    }

    /// Rule B8: no code comes back. A device that ever consumed one leaves its entitlement, its
    /// secret and its settings, so that it can return; another leaves its exception from renewal, if it
    /// has one: that list is the product's (rule B6).
    private func delete(
        _ identity: DeviceIdentity,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard try existing(identity.product, in: transaction) != nil else {
            return .refused(.products(.unknown(identity.product)))
        }
        guard let device = try device(identity, in: transaction), device.isRegistered else {
            return .refused(.devices(.unknown(identity)))
        }
        var new = device
        new.isRegistered = false
        if device.entitlement == nil {
            new = DeviceRecord(secret: nil, registeredAt: device.registeredAt)
            new.isRegistered = false
            new.isExceptedFromRenewal = device.isExceptedFromRenewal
        }
        try replace(
            device, with: new.isWorthKeeping ? new : nil, of: identity, in: transaction)
        try endOffer(to: identity, nil, as: nil, command, in: transaction)
        return .done(try record(.devices(.deleted(identity)), command, in: transaction))
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
            return .refused(.products(.unknown(identity.product)))
        }
        guard let device = try device(identity, in: transaction),
            device.isRegistered || evenIfDeleted
        else { return .refused(.devices(.unknown(identity))) }
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
    private func register(
        _ identity: DeviceIdentity,
        _ secret: SealedSecret,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard let product = try existing(identity.product, in: transaction) else {
            return .refused(.products(.unknown(identity.product)))
        }
        let device = try self.device(identity, in: transaction)
        if device?.isDisabled == true { return .refused(.devices(.disabled(identity))) }
        let isKnown = device?.isRegistered == true
        let isAllowed =
            switch product.registration {
            case .open: true
            case .imported: isKnown
            case .closed: false
            }
        guard isAllowed else { return .refused(.devices(.registrationNotAllowed(identity))) }
        if isKnown, let held = device?.secret {
            return device?.isSecretConfirmed == true
                ? .refused(.devices(.secretInUse(identity))) : .done(.registered(held))
        }
        if !isKnown {
            if let refusal = try refusal(
                ofRegistrationIn: identity.product, product, at: command.at, in: transaction)
            {
                return .refused(refusal)
            }
            try countRegistration(
                in: identity.product, product, at: command.at, in: transaction)
        }
        var new = device ?? DeviceRecord(secret: secret, registeredAt: command.at)
        new.secret = secret
        new.isSecretConfirmed = false
        if !isKnown {
            new.isRegistered = true
            new.registeredAt = command.at
        }
        try replace(device, with: new, of: identity, in: transaction)
        _ = try record(.devices(.registered(identity)), command, in: transaction)
        return .done(.registered(secret))
    }
}
