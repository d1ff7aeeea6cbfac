import Storage

/// Firmware images are those that the log has left, and each knows how many devices are upgrading to it.
extension Audit {
    mutating func checkFirmware(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var devices: [KeyPair<ProductKey, FirmwareVersion>: UInt64] = [:]
        var open: [KeyPair<ProductKey, CampaignID>: UInt64] = [:]
        try read(books.firmwareOffers, in: transaction) {
            (audit, identity, offer) throws(StoreError) in
            let upgrade = try audit.get(
                KeyPair(identity, offer.upgrade), of: audit.books.upgrades, in: transaction)
            audit.expect(
                upgrade?.state == .requested,
                "device \(identity) is offered firmware by upgrade \(offer.upgrade), which is not open"
            )
            devices[KeyPair(identity.product, offer.version), default: 0] += 1
            if let campaign = CampaignID(of: offer.upgrade) {
                open[KeyPair(identity.product, campaign), default: 0] += 1
            }
        }
        var left = log.images
        try read(books.firmware, in: transaction) { audit, key, image in
            let subject = "firmware \(key.second) of product \(key.first)"
            let known = left[key.first]?.removeValue(forKey: key.second)
            audit.expect(known == image.digest, "\(subject) is not as the log has left it")
            audit.expectEqual(
                image.devices, devices[key] ?? 0, "the devices that are upgrading to \(subject)")
        }
        for (product, images) in left.sorted(by: { $0.key < $1.key }) {
            for version in images.keys.sorted() {
                expect(false, "firmware \(version) of product \(product) is not there")
            }
        }
        try checkCampaigns(open, in: transaction)
    }

    /// - Parameter open: upgrades of each that have not ended.
    private mutating func checkCampaigns(
        _ open: [KeyPair<ProductKey, CampaignID>: UInt64],
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        let states = log.campaigns
        var asked = try checkCampaignDevices(in: transaction)
        var (count, turns) = (0, 0)
        try read(books.campaigns, in: transaction) { (audit, key, record) throws(StoreError) in
            count += 1
            let subject = "campaign \(key.second) of product \(key.first)"
            guard
                let progress = try audit.get(
                    key, of: audit.books.campaignProgress, in: transaction)
            else { return audit.expect(false, "\(subject) has no progress") }
            audit.expect(
                progress.state == states[key], "\(subject) is not as the log has left it")
            audit.expectEqual(progress.open, open[key] ?? 0, "open upgrades of \(subject)")
            let found = asked.removeValue(forKey: key) ?? [:]
            for state in CampaignDeviceState.allCases {
                audit.expectEqual(
                    progress.count(of: state), found[state] ?? 0,
                    "\(state.name) devices of \(subject)")
            }
            if let turn = progress.nextTurn(of: record.campaign) {
                turns += 1
                let place = KeyTriple(turn, key.first, key.second)
                let isListed = try audit.books.campaignTurns.contains(place, in: transaction)
                audit.expect(isListed, "\(subject) is not listed by when it is due")
            }
            let isOpen = try audit.books.openCampaigns.contains(key, in: transaction)
            audit.expect(
                isOpen == progress.state.isOpen, "\(subject) is among the open ones, or not")
        }
        expectEqual(count, states.count, "the number of campaigns against those made")
        for key in asked.keys.sorted(by: { ($0.first, $0.second) < ($1.first, $1.second) }) {
            expect(
                false,
                "devices of campaign \(key.second) of product \(key.first), which is not there")
        }
        try expectCount(of: books.campaignTurns, turns, in: transaction) {
            (audit, turn, _) throws(StoreError) in
            let key = KeyPair(turn.second, turn.third)
            guard let plan = try audit.get(key, of: audit.books.campaigns, in: transaction),
                let progress = try audit.get(
                    key, of: audit.books.campaignProgress, in: transaction)
            else { return false }
            return progress.nextTurn(of: plan.campaign) == turn.first
        }
        try expectCount(of: books.campaignProgress, count, in: transaction) {
            (audit, key, _) throws(StoreError) in
            try audit.books.campaigns.contains(key, in: transaction)
        }
        let openCount = states.values.count { $0.isOpen }
        try expectCount(of: books.openCampaigns, openCount, in: transaction) { _, key, _ in
            states[key]?.isOpen == true
        }
    }
    /// How many devices of each campaign stand how.
    private mutating func checkCampaignDevices(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [KeyPair<ProductKey, CampaignID>: [CampaignDeviceState: UInt64]] {
        var found: [KeyPair<ProductKey, CampaignID>: [CampaignDeviceState: UInt64]] = [:]
        var count = 0
        try read(books.campaignDevices, in: transaction) {
            (audit, place, record) throws(StoreError) in
            count += 1
            found[KeyPair(place.first, place.second), default: [:]][record.state, default: 0] += 1
            let isListed = try audit.books.campaignStates.contains(
                place.listed(as: record.state), in: transaction)
            audit.expect(
                isListed,
                "device \(place.third) of campaign \(place.second) of product \(place.first) is not listed as \(record.state.name)"
            )
        }
        try expectCount(of: books.campaignStates, count, in: transaction) {
            (audit, listed, _) throws(StoreError) in
            let key = listed.first
            let place = CampaignDevicePlace(key.first, key.second, listed.second)
            return try audit.get(place, of: audit.books.campaignDevices, in: transaction)?.state
                == key.third
        }
        return found
    }
}

extension CampaignProgressRecord {
    /// Devices that stand like that.
    fileprivate func count(of state: CampaignDeviceState) -> UInt64 {
        switch state {
        case .requested: open
        case .succeeded: succeeded
        case .failed: failed
        case .unreported: unreported
        case .refused: refused
        }
    }
}
