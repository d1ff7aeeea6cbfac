import Storage
import Time

/// Campaigns: upgrades of many devices to one image. What is started when depends on the books and the command's time alone,
/// so that a crash, or another node, goes on behind the last device that was asked.
extension Books {
    /// Of one product, that have not ended.
    public static var openCampaignsMaximum: UInt32 { 10 }

    func carryOut(
        _ action: CampaignAction,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        switch action {
        case .create(let campaign): try create(campaign, command, in: transaction)
        case .turn(let product, let id, let state):
            try turn(KeyPair(product, id), to: state, command, in: transaction)
        case .advance(let product, let id, let looks):
            try advance(KeyPair(product, id), looks, command, in: transaction)
        }
    }

    private func create(
        _ campaign: NewCampaign,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        let (product, id) = (campaign.product, campaign.id)
        guard try existing(product, in: transaction) != nil else {
            return .refused(.products(.unknown(product)))
        }
        guard try firmware.contains(KeyPair(product, campaign.version), in: transaction) else {
            return .refused(.firmware(.unknown(product, campaign.version)))
        }
        if try campaigns.contains(KeyPair(product, id), in: transaction) {
            let what = "campaign \(id) of product \(product)"
            return .refused(.commands(.alreadyExists(what: what)))
        }
        guard campaign.endsAt > command.at else {
            return .refused(.topUps(.expiryPassed(campaign.endsAt)))
        }
        var open: UInt32 = 0
        try openCampaigns.forEach(in: transaction, prefix: product) { _, _ in
            open += 1
            return .proceed
        }
        guard open < Self.openCampaignsMaximum else {
            return .refused(.campaigns(.tooMany(maximum: Self.openCampaignsMaximum)))
        }
        let key = KeyPair(product, id)
        let new = CampaignRecord(campaign, at: command.at, by: command.actor)
        try campaigns.put(key, new, in: transaction)
        try campaignProgress.put(key, CampaignProgressRecord(at: command.at), in: transaction)
        try openCampaigns.put(key, EmptyRecord(), in: transaction)
        let change = CampaignChange.created(product, id, campaign.version)
        return .done(try record(.campaigns(change), command, in: transaction))
    }

    private func turn(
        _ key: KeyPair<ProductKey, CampaignID>,
        to state: CampaignState,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard try existing(key.first, in: transaction) != nil else {
            return .refused(.products(.unknown(key.first)))
        }
        guard var progress = try campaignProgress.get(key, in: transaction) else {
            return .refused(.campaigns(.unknown(key.first, key.second)))
        }
        if progress.state == state { return .done(.unchanged) }
        guard progress.state.isOpen else {
            return .refused(.campaigns(.ended(key.first, key.second, progress.state)))
        }
        // A pause is not caught up with. A time that is doubted (rule B16) pays for nothing.
        let now = try time(at: command.at, in: transaction).time
        progress.paidUntil = max(progress.paidUntil, now)
        // Its last upgrades may have ended while it was paused.
        let isOver = state == .running && progress.isThrough && progress.open == 0
        let effect = try set(
            isOver ? .finished : state, of: key, &progress, command, in: transaction)
        try campaignProgress.put(key, progress, in: transaction)
        return .done(effect)
    }

    /// Also the event; the record is not put.
    private func set(
        _ state: CampaignState,
        of key: KeyPair<ProductKey, CampaignID>,
        _ progress: inout CampaignProgressRecord,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Effect {
        progress.state = state
        progress.changedAt = command.at
        if !state.isOpen { try openCampaigns.delete(key, in: transaction) }
        return try record(
            .campaigns(.turned(key.first, key.second, state)), command, in: transaction)
    }

    private func advance(
        _ key: KeyPair<ProductKey, CampaignID>,
        _ looks: UInt32,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard var progress = try campaignProgress.get(key, in: transaction),
            let campaign = try campaigns.get(key, in: transaction)?.campaign,
            progress.state == .running,
            // It is neither ended nor gone on with by a clock that may be wrong (rule B16).
            try time(at: command.at, in: transaction).doubt == nil
        else { return .done(.unchanged) }
        if !progress.isThrough, command.at >= campaign.endsAt {
            _ = try set(.expired, of: key, &progress, command, in: transaction)
            try campaignProgress.put(key, progress, in: transaction)
            return .done(.unchanged)
        }
        var due = progress.due(perMinute: campaign.perMinute, at: command.at)
        let next = try devices(
            of: campaign, after: progress.cursor, limit: Int(looks), in: transaction)
        for device in next {
            guard due > 0 else { break }
            progress.cursor = device
            let identity = DeviceIdentity(product: key.first, device: device)
            guard try isMeant(identity, by: campaign.filter, in: transaction) else { continue }
            let outcome = try carryOut(
                FirmwareAction.start(identity, campaign.id.upgrade, campaign.version), command,
                in: transaction)
            switch outcome {
            case .refused(.clock): return .done(.unchanged)
            case .refused: progress.refused += 1
            case .done:
                progress.started += 1
                progress.pay(perMinute: campaign.perMinute)
                due -= 1
            // It was started before: its cursor would be behind it.
            case .repeated: break
            }
        }
        if next.count < Int(looks), progress.cursor == next.last ?? progress.cursor {
            progress.isThrough = true
            if progress.open == 0 {
                _ = try set(.finished, of: key, &progress, command, in: transaction)
            }
        }
        try campaignProgress.put(key, progress, in: transaction)
        return .done(.unchanged)
    }

    /// The next devices that a campaign may be for, in order; fewer than `limit` when there are no more.
    private func devices(
        of campaign: NewCampaign,
        after cursor: DeviceKey?,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [DeviceKey] {
        switch campaign.filter {
        case .devices(let keys):
            return Array(keys.drop { key in cursor.map { key <= $0 } ?? false }.prefix(limit))
        case .all, .metadata:
            var found: [DeviceKey] = []
            let start = cursor.map {
                KeyBound.excluding(DeviceIdentity(product: campaign.product, device: $0))
            }
            try devices.forEach(
                in: transaction, prefix: campaign.product, from: start ?? .unbounded, limit: limit
            ) { identity, _ in
                found.append(identity.device)
                return .proceed
            }
            return found
        }
    }

    private func isMeant(
        _ identity: DeviceIdentity,
        by filter: CampaignFilter,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Bool {
        switch filter {
        // What was deleted or never activated is refused, and told as such only when it was named.
        case .all: return try device(identity, in: transaction)?.isRegistered == true
        case .metadata(let key, let value):
            return try metadata(of: .device(identity), in: transaction).values[key] == value
        case .devices: return true
        }
    }

    /// An upgrade of a campaign has ended: counted, and too many that did not succeed stop the campaign.
    ///
    /// - Parameter state: `nil`: its device is gone.
    func noteOutcome(
        _ state: UpgradeState?,
        of identity: DeviceIdentity,
        _ upgrade: UpgradeID,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        guard let id = CampaignID(of: upgrade) else { return }
        let key = KeyPair(identity.product, id)
        guard var progress = try campaignProgress.get(key, in: transaction),
            let campaign = try campaigns.get(key, in: transaction)?.campaign
        else { return }
        switch state {
        case .succeeded: progress.succeeded += 1
        case .failed: progress.failed += 1
        case .requested, .unreported, nil: progress.unreported += 1
        }
        let bad = progress.failed + progress.unreported
        let isTooBad =
            progress.ended >= NewCampaign.stopMinimum
            && bad * 100 > progress.ended * UInt64(campaign.stopPercent.value)
        if progress.state.isOpen, isTooBad {
            _ = try set(.failed, of: key, &progress, command, in: transaction)
        } else if progress.state == .running, progress.isThrough, progress.open == 0 {
            _ = try set(.finished, of: key, &progress, command, in: transaction)
        }
        try campaignProgress.put(key, progress, in: transaction)
    }

    /// Whether a campaign of the product may start upgrades to the image still.
    func isCampaigned(
        _ version: FirmwareVersion,
        of product: ProductKey,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Bool {
        var isFound = false
        try openCampaigns.forEach(in: transaction, prefix: product) { (key, _) throws(StoreError) in
            isFound = try campaigns.get(key, in: transaction)?.campaign.version == version
            return isFound ? .stop : .proceed
        }
        return isFound
    }

    /// Those of a deleted product end with it.
    func endCampaigns(
        of product: ProductKey,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        var keys: [KeyPair<ProductKey, CampaignID>] = []
        try openCampaigns.forEach(in: transaction, prefix: product) { key, _ in
            keys.append(key)
            return .proceed
        }
        for key in keys {
            guard var progress = try campaignProgress.get(key, in: transaction) else { continue }
            _ = try set(.stopped, of: key, &progress, command, in: transaction)
            try campaignProgress.put(key, progress, in: transaction)
        }
    }
}

extension CampaignProgressRecord {
    private static var minuteMilliseconds: Int64 { 60_000 }

    /// How many upgrades may be started at `time`: as the rate has it since the last one, and at most a minute's.
    mutating func due(perMinute: UInt32, at time: Timestamp) -> UInt64 {
        let earliest = time.adding(milliseconds: -Self.minuteMilliseconds)
        paidUntil = max(paidUntil, earliest)
        let passed = max(0, time.milliseconds - paidUntil.milliseconds)
        return UInt64(passed * Int64(perMinute) / Self.minuteMilliseconds)
    }

    fileprivate mutating func pay(perMinute: UInt32) {
        paidUntil = paidUntil.adding(
            milliseconds: Self.minuteMilliseconds / Int64(perMinute))
    }
}
