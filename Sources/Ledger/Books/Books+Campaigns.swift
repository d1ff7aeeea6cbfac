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
        guard (1...NewCampaign.perMinuteMaximum).contains(campaign.perMinute) else {
            let maximum = UInt64(NewCampaign.perMinuteMaximum)
            return .refused(.commands(.quantityOutOfRange(maximum: maximum)))
        }
        guard campaign.filter.isInRange else {
            let maximum = UInt64(CampaignFilter.devicesMaximum)
            return .refused(.commands(.quantityOutOfRange(maximum: maximum)))
        }
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
        guard campaign.endsAt > max(command.at, campaign.startsAt ?? command.at) else {
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
        let progress = CampaignProgressRecord(at: command.at, startingAt: campaign.startsAt)
        try put(progress, replacing: nil, of: campaign, in: transaction)
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
        guard let known = try self.campaign(key.second, of: key.first, in: transaction) else {
            return .refused(.campaigns(.unknown(key.first, key.second)))
        }
        var progress = known.progress
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
        try put(
            progress, replacing: known.progress, of: known.record.campaign, in: transaction)
        return .done(effect)
    }

    /// How far a campaign is, which is listed by when it has something to do next.
    private func put(
        _ new: CampaignProgressRecord,
        replacing old: CampaignProgressRecord?,
        of campaign: NewCampaign,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        let (product, id) = (campaign.product, campaign.id)
        try campaignProgress.put(KeyPair(product, id), new, in: transaction)
        let (before, after) = (old?.nextTurn(of: campaign), new.nextTurn(of: campaign))
        guard before != after else { return }
        if let before {
            try campaignTurns.delete(KeyTriple(before, product, id), in: transaction)
        }
        if let after {
            try campaignTurns.put(
                KeyTriple(after, product, id), EmptyRecord(), in: transaction)
        }
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
        guard let known = try self.campaign(key.second, of: key.first, in: transaction),
            known.progress.state == .running,
            // It is neither ended nor gone on with by a clock that may be wrong (rule B16).
            try time(at: command.at, in: transaction).doubt == nil
        else { return .done(.unchanged) }
        let campaign = known.record.campaign
        var progress = known.progress
        if !progress.isThrough, command.at >= campaign.endsAt {
            _ = try set(.expired, of: key, &progress, command, in: transaction)
            try put(progress, replacing: known.progress, of: campaign, in: transaction)
            return .done(.unchanged)
        }
        if let startsAt = campaign.startsAt, command.at < startsAt { return .done(.unchanged) }
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
            case .refused(let refusal):
                progress.refused += 1
                let asked = CampaignDeviceRecord(.refused, at: command.at, refusal: refusal)
                try put(asked, replacing: nil, at: campaign.place(of: device), in: transaction)
            case .done:
                let asked = CampaignDeviceRecord(.requested, at: command.at)
                try put(asked, replacing: nil, at: campaign.place(of: device), in: transaction)
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
        try put(progress, replacing: known.progress, of: campaign, in: transaction)
        return .done(.unchanged)
    }

    /// How a device of a campaign stands, which is listed by that.
    private func put(
        _ new: CampaignDeviceRecord,
        replacing old: CampaignDeviceRecord?,
        at place: CampaignDevicePlace,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        try campaignDevices.put(place, new, in: transaction)
        guard old?.state != new.state else { return }
        if let old {
            try campaignStates.delete(place.listed(as: old.state), in: transaction)
        }
        try campaignStates.put(place.listed(as: new.state), EmptyRecord(), in: transaction)
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
        case .metadata(let key, let value):
            let place = MetadataMatch(key: key, value: value).place
            var found: [DeviceKey] = []
            let start = cursor.map { KeyBound.excluding(KeyTriple(campaign.product, place, $0)) }
            try notedDevices.forEach(
                in: transaction, prefix: KeyPair(campaign.product, place),
                from: start ?? .unbounded, limit: limit
            ) { place, _ in
                found.append(place.third)
                return .proceed
            }
            return found
        case .all:
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

    /// An upgrade of a campaign has ended: noted and counted, and too many that did not succeed stop the campaign.
    ///
    /// - Parameter state: `nil`: its device is gone.
    func noteOutcome(
        _ state: UpgradeState?,
        of identity: DeviceIdentity,
        _ offer: FirmwareOfferRecord,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        guard let id = CampaignID(of: offer.upgrade),
            let known = try wholeCampaign(id, of: identity.product, in: transaction)
        else { return }
        let campaign = known.record.campaign
        let place = campaign.place(of: identity.device)
        // An upgrade that somebody started by itself can have a campaign's name: it is not the campaign's.
        guard let old = try campaignDevices.get(place, in: transaction), old.state == .requested
        else { return }
        var progress = known.progress
        let outcome: CampaignDeviceState
        switch state {
        case .succeeded:
            outcome = .succeeded
            progress.succeeded += 1
        case .failed:
            outcome = .failed
            progress.failed += 1
        case .requested, .unreported, nil:
            outcome = .unreported
            progress.unreported += 1
        }
        var new = old
        new.state = outcome
        new.endedAt = command.at
        new.percent = offer.percent
        new.heardAt = offer.heardAt
        if state == nil { new.refusal = .devices(.unknown(identity)) }
        try put(new, replacing: old, at: place, in: transaction)
        let key = KeyPair(identity.product, id)
        let bad = progress.failed + progress.unreported
        let isTooBad =
            progress.ended >= NewCampaign.stopMinimum
            && bad * 100 > progress.ended * UInt64(campaign.stopPercent.value)
        if progress.state.isOpen, isTooBad {
            _ = try set(.failed, of: key, &progress, command, in: transaction)
        } else if progress.state == .running, progress.isThrough, progress.open == 0 {
            _ = try set(.finished, of: key, &progress, command, in: transaction)
        }
        try put(progress, replacing: known.progress, of: campaign, in: transaction)
    }

    /// What a device has said of how its upgrade has ended, which was noted by the same command.
    func noteDetail(
        _ detail: UpgradeDetail,
        of identity: DeviceIdentity,
        _ upgrade: UpgradeID,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        guard let id = CampaignID(of: upgrade) else { return }
        let place = CampaignDevicePlace(identity.product, id, identity.device)
        guard var record = try campaignDevices.get(place, in: transaction),
            record.state == .succeeded || record.state == .failed, record.endedAt == command.at
        else { return }
        record.detail = detail
        try campaignDevices.put(place, record, in: transaction)
    }

    /// A campaign whose progress is there, too. One without it is named by the check of the books; what is done by the way,
    /// the report of a device and the end of a product, passes it over.
    private func wholeCampaign(
        _ id: CampaignID,
        of product: ProductKey,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Campaign? {
        guard try campaignProgress.contains(KeyPair(product, id), in: transaction) else {
            return nil
        }
        return try campaign(id, of: product, in: transaction)
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
            guard let known = try wholeCampaign(key.second, of: key.first, in: transaction) else {
                continue
            }
            var progress = known.progress
            _ = try set(.stopped, of: key, &progress, command, in: transaction)
            try put(
                progress, replacing: known.progress, of: known.record.campaign, in: transaction)
        }
    }
}

/// Where what has become of a campaign's device is.
typealias CampaignDevicePlace = KeyTriple<ProductKey, CampaignID, DeviceKey>

/// Where the same is listed by how the device stands.
typealias CampaignStatePlace = KeyPair<
    KeyTriple<ProductKey, CampaignID, CampaignDeviceState>, DeviceKey
>

extension CampaignDevicePlace {
    func listed(as state: CampaignDeviceState) -> CampaignStatePlace {
        CampaignStatePlace(.init(first, second, state), third)
    }
}

extension NewCampaign {
    fileprivate func place(of device: DeviceKey) -> CampaignDevicePlace {
        CampaignDevicePlace(product, id, device)
    }
}

extension CampaignProgressRecord {
    private static var minuteMilliseconds: Int64 { 60_000 }

    /// How many upgrades may be started at `time`: as the rate has it since the last one, and at most a minute's.
    mutating func due(perMinute: UInt32, at time: Timestamp) -> UInt64 {
        let earliest = time.adding(milliseconds: -Self.minuteMilliseconds)
        paidUntil = max(paidUntil, earliest)
        let passed = max(0, time.milliseconds(since: paidUntil))
        return UInt64(passed * Int64(perMinute) / Self.minuteMilliseconds)
    }

    /// From when on it has something to do: an upgrade is due, or it ends with its time; `nil`: nothing is left to start.
    func nextTurn(of campaign: NewCampaign) -> Timestamp? {
        guard state == .running, !isThrough else { return nil }
        let rate = Int64(campaign.perMinute)
        let step = (Self.minuteMilliseconds + rate - 1) / rate
        return min(campaign.endsAt, paidUntil.adding(milliseconds: step))
    }

    fileprivate mutating func pay(perMinute: UInt32) {
        paidUntil = paidUntil.adding(
            milliseconds: Self.minuteMilliseconds / Int64(perMinute))
    }
}
