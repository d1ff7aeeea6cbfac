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
        var count = 0
        try read(books.campaigns, in: transaction) { (audit, key, _) throws(StoreError) in
            count += 1
            let subject = "campaign \(key.second) of product \(key.first)"
            guard
                let progress = try audit.get(
                    key, of: audit.books.campaignProgress, in: transaction)
            else { return audit.expect(false, "\(subject) has no progress") }
            audit.expect(
                progress.state == states[key], "\(subject) is not as the log has left it")
            audit.expectEqual(progress.open, open[key] ?? 0, "open upgrades of \(subject)")
            let isOpen = try audit.books.openCampaigns.contains(key, in: transaction)
            audit.expect(
                isOpen == progress.state.isOpen, "\(subject) is among the open ones, or not")
        }
        expectEqual(count, states.count, "the number of campaigns against those made")
        try expectCount(of: books.campaignProgress, count, in: transaction) {
            (audit, key, _) throws(StoreError) in
            try audit.books.campaigns.contains(key, in: transaction)
        }
        let openCount = states.values.count { $0.isOpen }
        try expectCount(of: books.openCampaigns, openCount, in: transaction) { _, key, _ in
            states[key]?.isOpen == true
        }
    }
}
