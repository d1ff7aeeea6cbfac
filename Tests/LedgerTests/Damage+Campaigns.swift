import Storage

@testable import Ledger
@testable import LedgerModel

extension Damage {
    private static let winter = KeyPair(Tour.fourth, CampaignID("winter")!)
    private static let autumn = KeyPair(Tour.fourth, CampaignID("autumn")!)

    static let campaigns: [Damage] = [
        Damage(
            "a campaign that is gone", "the number of campaigns against those made: 1 is not 2"
        ) { (books, transaction) throws(StoreError) in
            try books.campaigns.remove(autumn, in: transaction)
        },
        Damage("a campaign without progress", "campaign winter of product PK4 has no progress") {
            (books, transaction) throws(StoreError) in
            try books.campaignProgress.remove(winter, in: transaction)
        },
        Damage(
            "a campaign of another state",
            "campaign autumn of product PK4 is not as the log has left it"
        ) { (books, transaction) throws(StoreError) in
            try books.campaignProgress.change(autumn, in: transaction) { $0.state = .failed }
        },
        Damage(
            "a campaign with more upgrades", "open upgrades of campaign winter of product PK4: "
        ) { (books, transaction) throws(StoreError) in
            try books.campaignProgress.change(winter, in: transaction) { $0.started += 1 }
        },
        Damage(
            "a campaign that is listed as open",
            "campaign autumn of product PK4 is among the open ones, or not"
        ) { (books, transaction) throws(StoreError) in
            try books.openCampaigns.put(autumn, EmptyRecord(), in: transaction)
        },
    ]
}
