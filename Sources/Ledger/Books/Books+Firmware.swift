import Storage

/// Firmware images, and upgrades of devices to them: admitted, paid for and ended as others (rules D1 and D2).
extension Books {
    func carryOut(
        _ action: FirmwareAction,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        switch action {
        case .add(let image): try addImage(image, command, in: transaction)
        case .delete(let product, let version):
            try deleteImage(version, of: product, command, in: transaction)
        case .start(let identity, let id, let version):
            try startUpgrade(identity, id, to: version, command, in: transaction)
        case .progress(let identity, let id, let percent):
            try noteProgress(of: identity, id, percent, command, in: transaction)
        case .report(let identity, let id, let succeeded, let detail):
            try reportUpgrade(identity, id, succeeded, detail, command, in: transaction)
        }
    }

    private func addImage(
        _ image: NewImage,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard try existing(image.product, in: transaction) != nil else {
            return .refused(.products(.unknown(image.product)))
        }
        let key = KeyPair(image.product, image.version)
        if let known = try firmware.get(key, in: transaction) {
            let isSame =
                known.size == image.size && known.digest == image.digest
                && known.signature == image.signature
            let what = "firmware \(image.version) of product \(image.product)"
            return isSame
                ? .done(.unchanged) : .refused(.commands(.alreadyExists(what: what)))
        }
        var count: UInt32 = 0
        try firmware.forEach(in: transaction, prefix: image.product) { _, _ in
            count += 1
            return .proceed
        }
        guard count < image.maximum else {
            return .refused(.firmware(.tooMany(maximum: image.maximum)))
        }
        let new = FirmwareRecord(image, at: command.at, by: command.actor)
        try firmware.put(key, new, in: transaction)
        let change = FirmwareChange.added(image.product, image.version, image.size, image.digest)
        return .done(try record(.firmware(change), command, in: transaction))
    }

    private func deleteImage(
        _ version: FirmwareVersion,
        of product: ProductKey,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard try existing(product, in: transaction) != nil else {
            return .refused(.products(.unknown(product)))
        }
        let key = KeyPair(product, version)
        guard let known = try firmware.get(key, in: transaction) else {
            return .refused(.firmware(.unknown(product, version)))
        }
        let isCampaigned = try isCampaigned(version, of: product, in: transaction)
        guard known.devices == 0, !isCampaigned else {
            return .refused(.firmware(.inUse(product, version, devices: known.devices)))
        }
        try firmware.delete(key, in: transaction)
        return .done(
            try record(.firmware(.deleted(product, version)), command, in: transaction))
    }

    private func startUpgrade(
        _ identity: DeviceIdentity,
        _ id: UpgradeID,
        to version: FirmwareVersion,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard try existing(identity.product, in: transaction) != nil else {
            return .refused(.products(.unknown(identity.product)))
        }
        let key = KeyPair(identity.product, version)
        guard var image = try firmware.get(key, in: transaction) else {
            return .refused(.firmware(.unknown(identity.product, version)))
        }
        let known = try upgrade(id, of: identity, in: transaction)
        if let offer = try firmwareOffers.get(identity, in: transaction) {
            guard offer.upgrade == id, offer.version == version, let known else {
                return .refused(.firmware(.underWay(identity, offer.upgrade)))
            }
            return .repeated(.upgrade(known))
        }
        if let known, known.record.state == .requested {
            // It was asked for without an image.
            return .refused(.commands(.alreadyExists(what: "upgrade \(id) of \(identity)")))
        }
        let outcome = try carryOut(
            UpgradeAction.request(identity, id, image.size), command, in: transaction)
        guard case .done = outcome else { return outcome }
        image.devices += 1
        try firmware.put(key, image, in: transaction)
        let offer = FirmwareOfferRecord(upgrade: id, version: version)
        try firmwareOffers.put(identity, offer, in: transaction)
        _ = try record(.firmware(.offered(identity, id, version)), command, in: transaction)
        return outcome
    }

    private func noteProgress(
        of identity: DeviceIdentity,
        _ id: UpgradeID,
        _ percent: UpgradePercent,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard var offer = try firmwareOffers.get(identity, in: transaction), offer.upgrade == id
        else { return .refused(.upgrades(.unknown(identity, id))) }
        offer.percent = percent
        offer.heardAt = command.at
        try firmwareOffers.put(identity, offer, in: transaction)
        return .done(.unchanged)
    }

    private func reportUpgrade(
        _ identity: DeviceIdentity,
        _ id: UpgradeID,
        _ succeeded: Bool,
        _ detail: UpgradeDetail,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        let outcome = try carryOut(
            UpgradeAction.report(identity, id, succeeded: succeeded), command, in: transaction)
        if case .done = outcome, !detail.text.isEmpty {
            _ = try record(.firmware(.explained(identity, id, detail)), command, in: transaction)
            try noteDetail(detail, of: identity, id, command, in: transaction)
        }
        return outcome
    }

    /// An upgrade has ended, or its device is gone: the device is upgrading to no image any more.
    ///
    /// - Parameters:
    ///   - id: `nil` for whichever upgrade it is.
    ///   - state: how it has ended; `nil` when its device is gone.
    func endOffer(
        to identity: DeviceIdentity,
        _ id: UpgradeID?,
        as state: UpgradeState?,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        guard let offer = try firmwareOffers.get(identity, in: transaction),
            id == nil || offer.upgrade == id
        else { return }
        try firmwareOffers.delete(identity, in: transaction)
        try noteOutcome(state, of: identity, offer, command, in: transaction)
        // The images of a deleted product are gone.
        let key = KeyPair(identity.product, offer.version)
        guard var image = try firmware.get(key, in: transaction) else { return }
        image.devices -= 1
        try firmware.put(key, image, in: transaction)
    }

    /// What a deleted product had: its images, whose files go with the gateway's next start.
    func deleteImages(
        of product: ProductKey, in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        var keys: [KeyPair<ProductKey, FirmwareVersion>] = []
        try firmware.forEach(in: transaction, prefix: product) { key, _ in
            keys.append(key)
            return .proceed
        }
        for key in keys { try firmware.delete(key, in: transaction) }
    }
}
