public import Storage
public import Time

/// Rules B1 to B5, B7 and B8: who may be connected, and who consumes a code for it.
extension Books {
    /// The device connects. The decision is taken here again, in the transaction, so that of two
    /// connections that race only one consumes a code (rule B2).
    func activate(
        _ identity: DeviceIdentity,
        _ confirmsSecret: SecretFingerprint?,
        _ place: DataCentreID?,
        showing shown: ShownCertificate? = nil,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        let product = try products.get(identity.product, in: transaction)
        let device = try self.device(identity, in: transaction)
        let now = try time(at: command.at, in: transaction)
        let isBrought =
            if let shown {
                try brings(shown, for: product, at: command.at, in: transaction)
            } else {
                false
            }
        switch Admission.decide(
            identity,
            product: product,
            device: device?.standing,
            isBrought: isBrought,
            at: now.time
        ) {
        case .refuse(let refusal): return .refused(refusal)
        case .admit, .readmit:
            return try readmit(
                identity,
                device,
                confirmsSecret: confirmsSecret,
                command,
                in: transaction
            )
        case .consume(let cause):
            return try consume(
                cause,
                identity,
                product,
                device,
                after: nil,
                at: place,
                confirmsSecret: confirmsSecret,
                command,
                in: transaction
            )
        }
    }

    /// Whether the certificate's authority registers the product's devices that are not known: asked here again, as it may
    /// have been told otherwise since the CONNECT.
    private func brings(
        _ shown: ShownCertificate,
        for product: ProductRecord?,
        at time: Timestamp,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Bool {
        guard let authority = shown.authority,
            case .vouched(_, let rules) = try vouching(
                by: authority, for: product, at: time, in: transaction)
        else { return false }
        return rules.registersDevices
    }

    /// The device is online and its period has ended (rule B4).
    func renew(
        _ identity: DeviceIdentity,
        _ place: DataCentreID?,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        let product = try products.get(identity.product, in: transaction)
        let device = try self.device(identity, in: transaction)
        let now = try time(at: command.at, in: transaction)
        switch Admission.decide(
            identity,
            product: product,
            device: device?.standing,
            at: now.time
        ) {
        case .refuse(let refusal): return .refused(refusal)
        case .admit, .readmit:
            return try readmit(
                identity,
                device,
                confirmsSecret: nil,
                command,
                in: transaction
            )
        case .consume(let cause):
            return try consume(
                cause,
                identity,
                product,
                device,
                after: device?.entitlement?.expiresAt,
                at: place,
                confirmsSecret: nil,
                command,
                in: transaction
            )
        }
    }

    /// By an operator: also when renewal is off (rule B7), but not while the entitlement runs.
    func activateByHand(
        _ identity: DeviceIdentity,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard let product = try existing(identity.product, in: transaction) else {
            return .refused(.products(.unknown(identity.product)))
        }
        guard let device = try device(identity, in: transaction), device.isRegistered else {
            return .refused(.devices(.unknown(identity)))
        }
        if device.isDisabled { return .refused(.devices(.disabled(identity))) }
        let now = try time(at: command.at, in: transaction)
        if let entitlement = device.entitlement, entitlement.runs(at: now.time) {
            return .refused(.devices(.entitlementRuns(until: entitlement.expiresAt)))
        }
        return try consume(
            .manual,
            identity,
            product,
            device,
            after: nil,
            at: nil,
            confirmsSecret: nil,
            command,
            in: transaction
        )
    }

    /// The entitlement runs: consumes nothing, and writes only what is not so yet (rules B2, B8).
    private func readmit(
        _ identity: DeviceIdentity,
        _ device: DeviceRecord?,
        confirmsSecret: SecretFingerprint?,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard let device, let entitlement = device.entitlement else {
            preconditionFailure("admitted without an entitlement")
        }
        var new = device
        new.isRegistered = true
        new.isOpen = true
        new.confirm(confirmsSecret)
        let done = Outcome.done(.entitled(entitlement, consumed: false))
        if new == device { return done }
        if !device.isRegistered {
            new.registeredAt = command.at
            _ = try record(.devices(.registered(identity)), command, in: transaction)
        }
        if !device.isOpen {
            _ = try record(
                .devices(.entitlementReopened(identity, code: entitlement.code)),
                command,
                in: transaction
            )
        }
        if new.isSecretConfirmed && !device.isSecretConfirmed {
            _ = try record(.devices(.secretConfirmed(identity)), command, in: transaction)
        }
        try replace(device, with: new, of: identity, in: transaction)
        return done
    }

    /// Consumes one code, if one is left, for a period from now on; of a device that is online, from
    /// the end of its last one on (`ended`). The code is one of the product's pool, wherever the device
    /// is connected (rule B13).
    private func consume(
        _ cause: ActivationCause,
        _ identity: DeviceIdentity,
        _ product: ProductRecord?,
        _ device: DeviceRecord?,
        after ended: Timestamp?,
        at place: DataCentreID?,
        confirmsSecret: SecretFingerprint?,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        if let doubt = try time(at: command.at, in: transaction).doubt {
            return .refused(.clock(doubt))
        }
        let isNew = device.map { !$0.isRegistered && $0.entitlement == nil } ?? true
        if isNew, let product,
            let refusal = try refusal(
                ofRegistrationIn: identity.product, product, at: command.at, in: transaction)
        {
            return .refused(refusal)
        }
        var pool = try pool(of: identity.product, in: transaction)
        guard let product, product.allowance != nil,
            let code = try takeCode(from: &pool, of: identity.product, in: transaction)
        else { return .refused(.codes(.noneLeft(identity.product))) }
        guard let days = try allowance(of: code, product, in: transaction)?.validityDays else {
            throw .malformed(what: "code \(code) of \(identity.product) gives nothing")
        }
        var start = command.at
        if let ended {
            start = Admission.onlineRenewalStart(
                after: ended, validityDays: days, at: command.at)
        }
        let entitlement = Entitlement(
            code: code,
            period: (device?.codesConsumed ?? 0) + 1,
            activatedAt: start,
            expiresAt: start.adding(days: Int64(days)),
            cause: cause
        )
        var new = device ?? DeviceRecord(secret: nil, registeredAt: command.at)
        if isNew {
            try countRegistration(
                in: identity.product, product, at: command.at, in: transaction)
        }
        if device?.isRegistered != true {
            new.isRegistered = true
            new.registeredAt = command.at
            _ = try record(.devices(.registered(identity)), command, in: transaction)
        }
        new.confirm(confirmsSecret)
        new.isOpen = true
        new.entitlement = entitlement
        let place = place ?? product.dataCentre
        try fileHistory(
            of: identity, entitlement, at: place, before: device?.entitlement, in: transaction)
        try replace(device, with: new, of: identity, pool: &pool, in: transaction)
        try pools.put(identity.product, pool, in: transaction)
        try countCodes(of: product, used: 1, in: transaction)
        _ = try record(
            .devices(.activated(identity, entitlement, at: place)), command, in: transaction)
        return .done(.entitled(entitlement, consumed: true))
    }

    /// Rule B10: the new period's entry, and the past one's place in the device's own list.
    private func fileHistory(
        of identity: DeviceIdentity,
        _ entitlement: Entitlement,
        at place: DataCentreID,
        before past: Entitlement?,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        if let past {
            try periods.put(
                KeyPair(identity, past.period),
                PeriodRecord(activatedAt: past.activatedAt, code: past.code),
                in: transaction
            )
        }
        let serial = entitlement.code.serial
        try consumptions.put(
            KeyTriple(identity.product, entitlement.activatedAt, serial),
            ConsumptionRecord(
                device: identity.device,
                entitlement: entitlement,
                dataCentre: place
            ),
            in: transaction
        )
        try expiries.put(
            KeyTriple(identity.product, entitlement.expiresAt, serial),
            ExpiryRecord(activatedAt: entitlement.activatedAt),
            in: transaction
        )
    }
}

/// Entitlements that ended without a successor (rule B5): the devices become inactive, so that the
/// figures of active devices are true.
extension Books {
    func endEntitlement(
        _ identity: DeviceIdentity,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard let device = try device(identity, in: transaction) else {
            return .refused(.devices(.unknown(identity)))
        }
        let now = try time(at: command.at, in: transaction).time
        guard device.isOpen, let entitlement = device.entitlement, !entitlement.runs(at: now)
        else { return .done(.unchanged) }
        return .done(try close(device, entitlement, of: identity, command, in: transaction))
    }

    func endExpired(
        _ limit: UInt32,
        graceMilliseconds: Int64,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        let ended = try endedEntitlements(
            limit, graceMilliseconds: graceMilliseconds, at: command.at, in: transaction)
        for identity in ended {
            guard let device = try device(identity, in: transaction), device.isOpen,
                let entitlement = device.entitlement
            else { throw .malformed(what: "expiry index names \(identity), which is not open") }
            _ = try close(device, entitlement, of: identity, command, in: transaction)
        }
        let isFull = limit > 0 && ended.count == Int(limit)
        return .done(.ended(count: UInt32(ended.count), more: isFull))
    }

    /// Whether `endExpired` would end anything then.
    public func hasEndedEntitlements(
        graceMilliseconds: Int64,
        at time: Timestamp,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Bool {
        try !endedEntitlements(
            1, graceMilliseconds: graceMilliseconds, at: time, in: transaction
        ).isEmpty
    }

    /// Devices whose entitlement is open although it ended so long ago.
    private func endedEntitlements(
        _ limit: UInt32,
        graceMilliseconds: Int64,
        at time: Timestamp,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [DeviceIdentity] {
        let now = try self.time(at: time, in: transaction).time
        let latest = now.adding(milliseconds: -max(0, graceMilliseconds))
        var ended: [DeviceIdentity] = []
        try expiring.forEach(in: transaction, limit: Int(limit)) { key, record in
            guard key.first <= latest else { return .stop }
            ended.append(DeviceIdentity(product: key.second, device: record.device))
            return .proceed
        }
        return ended
    }

    private func close(
        _ device: DeviceRecord,
        _ entitlement: Entitlement,
        of identity: DeviceIdentity,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Effect {
        var new = device
        new.isOpen = false
        try replace(device, with: new, of: identity, in: transaction)
        return try record(
            .devices(.entitlementEnded(identity, code: entitlement.code)),
            command,
            in: transaction
        )
    }
}
