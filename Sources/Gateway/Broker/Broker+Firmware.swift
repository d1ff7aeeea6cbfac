import Bytes
import Ledger
import MQTT
import Reactor
import Storage

// Upgrades of devices to firmware images, on their `sys/ota` topics: not counted, as all that is the gateway's own.
extension Broker {
    /// What a device is told of the upgrade that it has under way, if it has subscribed to `sys/ota`.
    mutating func tellOfOffer(_ slot: UInt32, in context: inout ShardContext) {
        guard wantsNotices(slot, "ota", in: &context) else { return }
        // When it can't be read, the device is told when it asks, or comes again.
        guard let offer = try? offer(to: slot, in: &context) else { return }
        tell(slot, of: offer, in: &context)
    }

    private mutating func tell(
        _ slot: UInt32, of offer: FirmwareOffer, in context: inout ShardContext
    ) {
        guard let links = context.commons.firmwareLinks else { return }
        tell(slot, "ota", links.notice(of: offer, at: context.now.wall), in: &context)
    }

    /// The same of a device that may not be connected here.
    mutating func tellOfOffer(to device: DeviceIdentity, in context: inout ShardContext) {
        guard let session = known(device),
            let slot = openConnection(of: session.slot, in: &context)
        else { return }
        tellOfOffer(slot, in: &context)
    }

    private func offer(
        to slot: UInt32, in context: inout ShardContext
    ) throws(StoreError) -> FirmwareOffer? {
        guard case .device(let device) = context.wire[slot].settings.client else { return nil }
        let identity = device.identity
        return try context.books.read { books, transaction throws(StoreError) in
            try books.offer(to: identity, in: transaction)
        }
    }

    /// Whether the device may ask once more, or have the books told something: 30 times at once, then once a minute.
    /// What is not taken is not lost: the device hears on `sys/ota/ended` what has become of its upgrade.
    private mutating func isWithinPace(_ slot: UInt32, in context: inout ShardContext) -> Bool {
        guard case .device(let device) = context.wire[slot].settings.client else { return false }
        let now = context.now.books
        return firmwarePaces.update(device.identity, orInsert: StatePace()) { $0.take(at: now) }
    }

    /// A PUBLISH of a device's to `sys/ota/...`.
    mutating func serveFirmware(
        _ slot: UInt32, _ publish: borrowing Publish, _ use: FirmwareTopicUse,
        in context: inout ShardContext
    ) -> PublishVerdict {
        guard context.commons.firmwareLinks != nil else { return .refused(.topicNotAllowed) }
        do throws(StoreError) {
            switch use {
            case .question: return try serveQuestion(slot, in: &context)
            case .progress: return try serveProgress(slot, publish, in: &context)
            case .outcome: return try serveOutcome(slot, publish, in: &context)
            }
        } catch {
            context.wire.journal.noteStoreFailure(.admission, error)
            return .refused(.ledgerUnavailable)
        }
    }

    private mutating func serveQuestion(
        _ slot: UInt32, in context: inout ShardContext
    ) throws(StoreError) -> PublishVerdict {
        guard isWithinPace(slot, in: &context) else { return .refused(.messageRateExceeded) }
        guard wantsNotices(slot, "ota", in: &context) else { return .taken }
        if let offer = try offer(to: slot, in: &context) {
            tell(slot, of: offer, in: &context)
        } else {
            tell(slot, "ota", "{\"id\":null}", in: &context)
        }
        return .taken
    }

    /// The books are told of each ten percent; what is said of another upgrade is passed over.
    private mutating func serveProgress(
        _ slot: UInt32, _ publish: borrowing Publish, in context: inout ShardContext
    ) throws(StoreError) -> PublishVerdict {
        guard let report = DeviceReport(publish.payload),
            let id = report.id.flatMap(UpgradeID.init(_:)),
            let percent = report.percent.flatMap(UpgradePercent.init(_:))
        else { return .refused(.upgradeReportMalformed) }
        guard let offer = try offer(to: slot, in: &context), offer.record.upgrade == id,
            offer.record.heardAt == nil || offer.record.percent.value / 10 != percent.value / 10
        else { return .taken }
        guard isWithinPace(slot, in: &context) else { return .refused(.messageRateExceeded) }
        submit(.progress(offer.identity, id, percent), in: &context) { _ in }
        return .taken
    }

    /// Goes to the ledger, and the device is told when it is there. An upgrade that has ended changes no more: the device
    /// is told how it did.
    private mutating func serveOutcome(
        _ slot: UInt32, _ publish: borrowing Publish, in context: inout ShardContext
    ) throws(StoreError) -> PublishVerdict {
        guard let report = DeviceReport(publish.payload),
            let id = report.id.flatMap(UpgradeID.init(_:)),
            let succeeded = Self.succeeded(report.outcome),
            let detail = UpgradeDetail(report.detail ?? "")
        else { return .refused(.upgradeReportMalformed) }
        guard let token = context.wire.token(of: slot),
            case .device(let device) = context.wire[slot].settings.client
        else { return .taken }
        let identity = device.identity
        guard isWithinPace(slot, in: &context) else { return .refused(.messageRateExceeded) }
        guard let offer = try offer(to: slot, in: &context), offer.record.upgrade == id else {
            tellOfEnd(slot, id, of: identity, in: &context)
            return .taken
        }
        let mailbox = context.commons.mailboxes[context.index]
        submit(.report(identity, id, succeeded: succeeded, detail), in: &context) { _ in
            mailbox.post(.upgradeReported(token, id))
        }
        return .taken
    }

    private static func succeeded(_ outcome: String?) -> Bool? {
        switch outcome {
        case UpgradeState.succeeded.name: true
        case UpgradeState.failed.name: false
        default: nil
        }
    }

    /// A report was carried out, or could not be.
    mutating func upgradeReported(
        _ token: Token, _ id: UpgradeID, in context: inout ShardContext
    ) {
        guard context.wire.contains(token), context.wire[token.slot].phase == .open,
            case .device(let device) = context.wire[token.slot].settings.client
        else { return }
        tellOfEnd(token.slot, id, of: device.identity, in: &context)
    }

    /// How an upgrade has ended, on `sys/ota/ended`; nothing of one that has not, or that is not known.
    private mutating func tellOfEnd(
        _ slot: UInt32, _ id: UpgradeID, of identity: DeviceIdentity,
        in context: inout ShardContext
    ) {
        let state: UpgradeState?
        do throws(StoreError) {
            state = try context.books.read { books, transaction throws(StoreError) in
                try books.upgrade(id, of: identity, in: transaction)?.record.state
            }
        } catch {
            // The device says it again.
            return
        }
        guard let state, state != .requested else { return }
        tell(slot, "ota/ended", "{\"id\":\"\(id)\",\"state\":\"\(state.name)\"}", in: &context)
    }

    private func submit(
        _ action: FirmwareAction,
        in context: inout ShardContext,
        completion: @escaping @Sendable (Result<Outcome, StoreError>) -> Void
    ) {
        let command = Command(
            at: context.now.wall, actor: Command.gatewayActor, action: .firmware(action))
        context.commons.ledger.submit(command, completion: completion)
    }
}
