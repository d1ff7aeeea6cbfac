import Storage
import Time

@testable import Ledger
@testable import LedgerModel

extension Damage {
    private static let winter = KeyPair(Tour.fourth, CampaignID("winter")!)
    private static let autumn = KeyPair(Tour.fourth, CampaignID("autumn")!)

    /// A device that autumn has asked, and that was upgrading already.
    private static let refused = CampaignDevicePlace(
        Tour.fourth, CampaignID("autumn")!, DeviceKey("g3")!)

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
        Damage(
            "a campaign's device that is gone",
            "refused devices of campaign autumn of product PK4: "
        ) { (books, transaction) throws(StoreError) in
            try books.campaignDevices.remove(refused, in: transaction)
        },
        Damage(
            "a campaign's device of another state",
            "device g3 of campaign autumn of product PK4 is not listed as failed"
        ) { (books, transaction) throws(StoreError) in
            try books.campaignDevices.change(refused, in: transaction) { $0.state = .failed }
        },
        Damage(
            "a device of no campaign", "devices of campaign x of product PK4, which is not there"
        ) {
            (books, transaction) throws(StoreError) in
            let place = CampaignDevicePlace(Tour.fourth, CampaignID("x")!, refused.third)
            let record = CampaignDeviceRecord(.refused, at: Timestamp(milliseconds: 0))
            try books.campaignDevices.put(place, record, in: transaction)
            try books.campaignStates.put(
                place.listed(as: .refused), EmptyRecord(), in: transaction)
        },
        Damage("a device listed twice", "the number of records in table campaignStates") {
            (books, transaction) throws(StoreError) in
            try books.campaignStates.put(
                refused.listed(as: .failed), EmptyRecord(), in: transaction)
        },
        Damage(
            "a campaign that is due and not listed",
            "campaign winter of product PK4 is not listed by when it is due"
        ) { (books, transaction) throws(StoreError) in
            try books.campaignProgress.change(winter, in: transaction) {
                $0.paidUntil = Timestamp(milliseconds: 0)
            }
        },
        Damage("a campaign that is listed as due", "the number of records in table campaignTurns") {
            (books, transaction) throws(StoreError) in
            let turn = KeyTriple(Timestamp(milliseconds: 0), winter.first, winter.second)
            try books.campaignTurns.put(turn, EmptyRecord(), in: transaction)
        },
    ]
}
