import Bytes
public import Storage
public import Time

/// A campaign, and how far it is.
public struct Campaign: Hashable, Sendable {
    public let record: CampaignRecord
    public let progress: CampaignProgressRecord
}

/// What the books say about campaigns.
extension Books {
    public func campaign(
        _ id: CampaignID,
        of product: ProductKey,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Campaign? {
        let key = KeyPair(product, id)
        guard let record = try campaigns.get(key, in: transaction) else { return nil }
        guard let progress = try campaignProgress.get(key, in: transaction) else {
            throw .malformed(what: "campaign \(id) of \(product) without progress")
        }
        return Campaign(record: record, progress: progress)
    }

    /// The product's campaigns, by their ids.
    public func campaigns(
        of product: ProductKey,
        cursor: String? = nil,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<Campaign> {
        try page(
            of: campaigns, prefix: product, reads: 2, cursor: cursor, limit: limit,
            in: transaction
        ) { (key, _) throws(StoreError) in
            try campaign(key.second, of: key.first, in: transaction)
        }
    }

    /// What has become of the devices that a campaign has asked, by their keys.
    ///
    /// - Parameter state: those that stand like this alone.
    public func devices(
        of campaign: CampaignID,
        of product: ProductKey,
        state: CampaignDeviceState? = nil,
        cursor: String? = nil,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<CampaignDevice> {
        guard let state else {
            return try page(
                of: campaignDevices, prefix: KeyPair(product, campaign), reads: 3, cursor: cursor,
                limit: limit, in: transaction
            ) { (place, record) throws(StoreError) in
                try campaignDevice(at: place, record, in: transaction)
            }
        }
        return try page(
            of: campaignStates, prefix: KeyTriple(product, campaign, state), reads: 4,
            cursor: cursor, limit: limit, in: transaction
        ) { (listed, _) throws(StoreError) in
            let place = CampaignDevicePlace(product, campaign, listed.second)
            guard let record = try campaignDevices.get(place, in: transaction) else {
                throw .malformed(
                    what: "device \(listed.second) of campaign \(campaign) of \(product)")
            }
            return try campaignDevice(at: place, record, in: transaction)
        }
    }

    private func campaignDevice(
        at place: CampaignDevicePlace,
        _ record: CampaignDeviceRecord,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> CampaignDevice {
        let identity = DeviceIdentity(product: place.first, device: place.third)
        var device = CampaignDevice(identity: identity, campaign: place.second, record: record)
        guard record.state != .refused else { return device }
        let id = place.second.upgrade
        device.upgrade = try upgrades.get(KeyPair(identity, id), in: transaction)
        if record.state == .requested,
            let offer = try firmwareOffers.get(identity, in: transaction),
            offer.upgrade == id
        {
            device.percent = offer.percent
            device.heardAt = offer.heardAt
        }
        return device
    }

    /// Campaigns that have something to do at `time`, the one that has waited longest first. Reads no others. One that is
    /// damaged is told as such, and stops no other one.
    public func dueCampaigns(
        at time: Timestamp,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [DueCampaign] {
        var due: [DueCampaign] = []
        try campaignTurns.scan(in: transaction) { (bytes, _) throws(StoreError) in
            var reader = ByteReader(bytes)
            // A key that is damaged is named by the check of the books.
            guard let key = KeyTriple<Timestamp, ProductKey, CampaignID>(decoding: &reader),
                reader.isAtEnd
            else { return .proceed }
            guard key.first <= time else { return .stop }
            var damage: String?
            do throws(StoreError) {
                if try campaign(key.third, of: key.second, in: transaction) == nil {
                    damage = "it is not there"
                }
            } catch .malformed(let what) {
                damage = what
            }
            due.append(DueCampaign(product: key.second, id: key.third, damage: damage))
            return .proceed
        }
        return due
    }
}

/// A campaign that has something to do.
public struct DueCampaign: Hashable, Sendable {
    public let product: ProductKey
    public let id: CampaignID

    /// Why nothing can be done with it: what of it can't be read.
    public let damage: String?

    public init(product: ProductKey, id: CampaignID, damage: String?) {
        self.product = product
        self.id = id
        self.damage = damage
    }
}

/// A device that a campaign has asked, and what has become of it.
public struct CampaignDevice: Hashable, Sendable {
    public let identity: DeviceIdentity
    public let campaign: CampaignID
    public let record: CampaignDeviceRecord

    /// What it was charged for; `nil` of a device that could not be upgraded.
    public internal(set) var upgrade: UpgradeRecord?

    /// How far the device has said that it is, and when.
    public internal(set) var percent: UpgradePercent
    public internal(set) var heardAt: Timestamp?

    init(identity: DeviceIdentity, campaign: CampaignID, record: CampaignDeviceRecord) {
        self.identity = identity
        self.campaign = campaign
        self.record = record
        percent = record.percent
        heardAt = record.heardAt
    }
}
