import Storage
import Time

@testable import Ledger
@testable import LedgerModel

/// Campaigns, and how far they are.
extension LedgerRecords {
    static func campaigns(_ books: Books) -> [GoldenTable] {
        func record(
            _ filter: CampaignFilter, perMinute: UInt32, stop: Int, from start: Timestamp? = nil
        ) -> CampaignRecord {
            CampaignRecord(
                NewCampaign(
                    product: product, id: CampaignID("spring")!,
                    version: FirmwareVersion("2.1.0")!, filter: filter, perMinute: perMinute,
                    startsAt: start, endsAt: time, stopPercent: UpgradePercent(stop)!),
                at: time, by: "owner")
        }
        let all = record(.all, perMinute: 1, stop: 100)
        let noted = record(
            .metadata(MetadataKey("room")!, MetadataValue("é")!), perMinute: 6_000, stop: 0)
        let named = record(.devices([device]), perMinute: 300, stop: 20)
        var late = CampaignProgressRecord(at: time)
        late.state = .failed
        late.cursor = device
        late.isThrough = true
        late.started = .max
        late.succeeded = 1 << 40
        late.failed = 300
        late.unreported = 127
        late.refused = 1
        late.paidUntil = latest
        let place = CampaignDevicePlace(product, CampaignID("spring")!, device)
        var failed = CampaignDeviceRecord(.failed, at: time)
        failed.endedAt = latest
        failed.percent = UpgradePercent(70)!
        failed.heardAt = time
        failed.detail = UpgradeDetail("no röom")!
        return [
            GoldenTable(
                books.campaigns,
                keys: ["plain": KeyPair(product, CampaignID("spring")!)],
                records: [
                    "all v2": all, "metadata v2": noted, "devices v2": named,
                    "later v2": record(.all, perMinute: 1, stop: 100, from: time),
                ],
                older: ["all": all, "metadata": noted, "devices": named]
            ),
            GoldenTable(
                books.campaignProgress,
                keys: ["plain": KeyPair(product, CampaignID("spring")!)],
                records: ["new": CampaignProgressRecord(at: earliest), "late": late]
            ),
            GoldenTable(
                books.openCampaigns,
                keys: ["plain": KeyPair(product, CampaignID("spring")!)]
            ),
            GoldenTable(
                books.campaignTurns,
                keys: ["plain": KeyTriple(time, product, CampaignID("spring")!)]
            ),
            GoldenTable(
                books.campaignDevices,
                keys: ["plain": place],
                records: [
                    "requested": CampaignDeviceRecord(.requested, at: earliest),
                    "refused": CampaignDeviceRecord(
                        .refused, at: time,
                        refusal: .devices(
                            .notActive(DeviceIdentity(product: product, device: device)))),
                    "failed": failed,
                ]
            ),
            GoldenTable(
                books.campaignStates,
                keys: [
                    "requested": place.listed(as: .requested),
                    "succeeded": place.listed(as: .succeeded),
                    "failed": place.listed(as: .failed),
                    "unreported": place.listed(as: .unreported),
                    "refused": place.listed(as: .refused),
                ]
            ),
        ]
    }
}
