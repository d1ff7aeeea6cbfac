import Time

@testable import LedgerModel

/// The words of campaigns.
extension Samples {
    static func campaign(
        _ id: String, of product: ProductKey = TestStore.product, _ filter: CampaignFilter = .all
    ) -> NewCampaign {
        NewCampaign(
            product: product, id: CampaignID(id)!, version: Tour.image, filter: filter,
            perMinute: 300, endsAt: Timestamp(milliseconds: 1 << 41),
            stopPercent: UpgradePercent(20)!)
    }

    private static let spring = CampaignID("spring")!

    static let campaignActions: [Action] = [
        .campaigns(.create(campaign("spring"))),
        .campaigns(
            .create(
                campaign(
                    "spring",
                    .metadata(MetadataKey("room")!, MetadataValue("Küche")!)))),
        .campaigns(.create(campaign("spring", .devices([identity.device])))),
        .campaigns(
            .create(campaign("spring").starting(at: Timestamp(milliseconds: 1 << 40)))),
        .campaigns(.turn(TestStore.product, spring, .paused)),
        .campaigns(.advance(TestStore.product, spring, looks: 300)),
    ]

    static let campaignChanges: [Change] =
        [.campaigns(.created(TestStore.product, spring, version))]
        + CampaignState.allCases.map { .campaigns(.turned(TestStore.product, spring, $0)) }

    static let campaignRefusals: [Refusal] = [
        .campaigns(.unknown(TestStore.product, spring)),
        .campaigns(.ended(TestStore.product, spring, .failed)),
        .campaigns(.tooMany(maximum: 10)),
    ]
}
