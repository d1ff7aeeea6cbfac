import Gateway
import Ledger

/// The documents of campaigns.
extension Documents {
    static let campaign = Shape<Campaign>("Campaign") {
        Member("id", \.record.campaign.id)
        Member("pk", \.record.campaign.product)
        Member("firmware", \.record.campaign.version)
        Member("state", \.progress.state)
        Member("perMinute", \.record.campaign.perMinute)
        Member(
            "startsAt", \.record.campaign.startsAt,
            "When the first upgrades are started, unless that was at once.")
        Member("endsAt", \.record.campaign.endsAt)
        Member("stopPercent", { Int($0.record.campaign.stopPercent.value) })
        Member("metadata", { $0.record.campaign.filter.match }, "KEY=VALUE, when it is for those.")
        Member(
            "devices", { $0.record.campaign.filter.devices?.count },
            "How many it was made for, when they were named.")
        Member("started", \.progress.started, "Upgrades.")
        Member("open", \.progress.open, "Upgrades that have not ended.")
        Member("succeeded", \.progress.succeeded)
        Member("failed", \.progress.failed)
        Member("unreported", \.progress.unreported)
        Member(
            "refused", \.progress.refused,
            "Devices that could not be upgraded: not active, nothing left to pay with, or upgrading already."
        )
        Member("through", \.progress.isThrough, "Whether all its devices were asked.")
        Member("changedAt", \.progress.changedAt, "Since when it has its state.")
        Member("createdAt", \.record.createdAt)
        Member("createdBy", \.record.createdBy)
    }

    static let campaignDevice = Shape<CampaignDevice>("CampaignDevice") {
        Member("dk", \.identity.device)
        Member("state", \.record.state, "How its upgrade stands; refused when it could not begin.")
        Member(
            "attempts", { $0.upgrade?.size.attempts ?? 0 },
            "What it was charged; a failed upgrade has given it back.")
        Member("percent", { Int($0.percent.value) }, "As the device has said.")
        Member("heardAt", \.heardAt, "When it has last said so.")
        Member(
            "reason", { $0.record.refusal.map { Reason($0) } },
            "Why it was refused; unknown-device of one that was deleted.")
        Member("detail", \.record.detail.text, "What the device has said of how it ended.")
        Member("askedAt", \.record.askedAt)
        Member("endedAt", \.record.endedAt)
    }

    /// What an event about a campaign adds to what every event has.
    static func subject(of change: CampaignChange) -> JSON {
        switch change {
        case .created(let product, let id, let version):
            ["product": JSON(product), "campaign": JSON(id), "firmware": JSON(version)]
        case .turned(let product, let id, let state):
            ["product": JSON(product), "campaign": JSON(id), "state": .text(state.name)]
        }
    }
}

extension CampaignFilter {
    fileprivate var match: String? {
        switch self {
        case .metadata(let key, let value): "\(key.text)=\(value.text)"
        case .all, .devices: nil
        }
    }

    fileprivate var devices: [DeviceKey]? {
        switch self {
        case .devices(let devices): devices
        case .all, .metadata: nil
        }
    }
}

extension CampaignID: Documented {}
