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

    /// Campaigns that have something to do at `time`.
    public func dueCampaigns(
        at time: Timestamp,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [(product: ProductKey, id: CampaignID)] {
        var due: [(product: ProductKey, id: CampaignID)] = []
        try openCampaigns.forEach(in: transaction) { (key, _) throws(StoreError) in
            guard let campaign = try campaign(key.second, of: key.first, in: transaction) else {
                throw .malformed(what: "campaign \(key.second) of \(key.first) is not there")
            }
            let (plan, progress) = (campaign.record.campaign, campaign.progress)
            guard progress.state == .running, !progress.isThrough else { return .proceed }
            var next = progress
            if time >= plan.endsAt || next.due(perMinute: plan.perMinute, at: time) > 0 {
                due.append((key.first, key.second))
            }
            return .proceed
        }
        return due
    }
}
