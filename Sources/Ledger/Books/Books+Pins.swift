public import Storage

/// Certificates that devices are pinned to, in tables of their own: only a CONNECT with a certificate reads them.
extension Books {
    func setPinning(
        _ id: AuthorityID,
        _ pinning: CertificatePinning,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard let authority = try authorities.get(id, in: transaction) else {
            return .refused(.authorities(.unknown(id)))
        }
        var effect = Effect.unchanged
        for one in [id] + (try namesakes(of: id, authority, in: transaction))
        where pinning != (try self.pinning(of: one, in: transaction)) {
            let changed = try put(pinning, of: one, authority, command, in: transaction)
            if effect == .unchanged { effect = changed }
        }
        return .done(effect)
    }

    func put(
        _ pinning: CertificatePinning,
        of id: AuthorityID,
        _ authority: AuthorityRecord,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Effect {
        if pinning == .none {
            try pinnings.delete(id, in: transaction)
        } else {
            try pinnings.put(id, PinningRecord(pinning: pinning), in: transaction)
        }
        let change = AuthorityChange.pinningSet(id, account: authority.account, pinning)
        return try record(.authorities(change), command, in: transaction)
    }

    func setPins(
        _ identity: DeviceIdentity,
        _ fingerprints: [CertificateFingerprint],
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        if let refusal = try absence(of: .device(identity), in: transaction) {
            return .refused(refusal)
        }
        let new = Set(fingerprints).sorted()
        if let refusal = Self.refusal(
            ofCount: new.count, upTo: CertificatePinning.fingerprintMaximum)
        {
            return .refused(refusal)
        }
        if new == (try pins(of: identity, in: transaction)) { return .done(.unchanged) }
        return .done(try pin(identity, to: new, command, in: transaction))
    }

    private func pin(
        _ identity: DeviceIdentity,
        to fingerprints: [CertificateFingerprint],
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Effect {
        if fingerprints.isEmpty {
            try pins.delete(identity, in: transaction)
        } else {
            try pins.put(identity, PinsRecord(fingerprints: fingerprints), in: transaction)
        }
        return try record(.devices(.pinsSet(identity, fingerprints)), command, in: transaction)
    }

    /// The device connects, with a certificate. What its authority says is asked here again: of two certificates that a
    /// device shows first at once, one is pinned.
    func activate(
        _ identity: DeviceIdentity,
        showing shown: ShownCertificate,
        at place: DataCentreID?,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        let verdict = try pinVerdict(on: shown, of: identity, in: transaction)
        if verdict == .differs { return .refused(.devices(.notPinned(identity))) }
        let outcome = try activate(identity, nil, place, showing: shown, command, in: transaction)
        if verdict == .pins, outcome.effect != nil {
            _ = try pin(identity, to: [shown.fingerprint], command, in: transaction)
        }
        return outcome
    }

    /// What the list of a device's certificates says of one, as its authority has it.
    public func pinVerdict(
        on shown: ShownCertificate,
        of identity: DeviceIdentity,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> PinVerdict {
        guard let authority = shown.authority else { return .fits }
        let pinning = try pinning(of: authority, in: transaction)
        if pinning == .none { return .fits }
        return pinning.verdict(
            on: shown.fingerprint, among: try pins(of: identity, in: transaction))
    }

    /// Which of an authority's certificates a device may show: each, unless something else was said.
    public func pinning(
        of id: AuthorityID,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> CertificatePinning {
        try pinnings.get(id, in: transaction)?.pinning ?? .none
    }

    /// The certificates that a device may show, in order.
    public func pins(
        of identity: DeviceIdentity,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [CertificateFingerprint] {
        try pins.get(identity, in: transaction)?.fingerprints ?? []
    }
}
