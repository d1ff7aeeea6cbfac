import Bytes
import Ledger
import Linux
import MQTT
import Reactor
import Sessions
import Storage
import Time

/// Where what a device reports of its state is kept: as a retained message, so that it is on the disk before it is
/// acknowledged, on every node of a cluster, and in backups.
enum ReportedTopic {
    static func name(_ identity: DeviceIdentity) -> [UInt8] {
        PrivateTopic.name("state/\(identity.product)/\(identity.device)")
    }

    /// Of all devices of a product.
    static func filter(_ product: ProductKey) -> [UInt8] {
        PrivateTopic.name("state/\(product)/#")
    }

    /// Of all devices.
    static var filter: [UInt8] { PrivateTopic.name("state/#") }

    /// Whose report is kept under that name; `nil` of any other topic.
    static func device(of name: [UInt8]) -> DeviceIdentity? {
        let levels = String(decoding: name, as: UTF8.self)
            .split(separator: "/", omittingEmptySubsequences: false)
        guard levels.count == 3, let product = ProductKey(String(levels[1])),
            let device = DeviceKey(String(levels[2]))
        else { return nil }
        let identity = DeviceIdentity(product: product, device: device)
        return Self.name(identity) == name ? identity : nil
    }

    /// Under which nothing is ever retained: a put there comes back behind all that was put before.
    static func barrier(_ identity: DeviceIdentity) -> [UInt8] {
        PrivateTopic.name("barrier/\(identity.product)/\(identity.device)")
    }
}

/// What a shard has of its devices' states while they change.
struct DeviceStates {
    /// Reports that are being written, one of a device at a time: the next is merged into what that leaves.
    var underWay: [DeviceIdentity: StateWork] = [:]

    /// In a cluster: connections whose node has followed what their devices had reported elsewhere.
    var followed = BoundedTable<DeviceIdentity, Token>(limit: 65_536)

    /// Devices of which that could not be found out: they are told.
    var doubtful: Set<DeviceIdentity> = []

    /// How often devices have changed or asked for their states.
    var paces = BoundedTable<DeviceIdentity, StatePace>(limit: 65_536)

    /// Which version of the desired document a connection has been sent.
    var told = BoundedTable<DeviceIdentity, Told>(limit: 65_536)

    struct Told: Equatable {
        let connection: Token
        let version: UInt64
    }
}

/// A write of what a device reports.
struct StateWork {
    let connection: Token

    /// Of the PUBLISH that is acknowledged then; `nil` at QoS 0.
    let packetID: UInt16?

    /// What is on the disk then; `nil`: this is a barrier.
    let state: ReportedState?

    /// A connection whose next packet waits for that.
    var waiting: Token?
}

// A device's state: what it is to be, and what it says that it is (Wire.md, "State").
extension Broker {
    /// A device's `sys/state/get` or `sys/state/reported`. `isReport`: the second.
    @inline(never)
    mutating func serveState(
        _ slot: UInt32, _ publish: borrowing Publish, _ topic: Span<UInt8>, isReport: Bool,
        in context: inout ShardContext
    ) -> PublishVerdict {
        guard case .device(let device) = context.wire[slot].settings.client,
            let token = context.wire.token(of: slot)
        else { return .refused(.topicNotAllowed) }
        let identity = device.identity
        if isReport, isAwaited(identity, token, in: &context) {
            if context.limitsPublishes { giveBackRate(slot, publish, in: &context) }
            context.wire[slot].holdsPacket = true
            return .held
        }
        if isReport, states.doubtful.remove(identity) != nil {
            return reject(slot, .notStored, Reason.notStored.text, nil, in: &context)
        }
        if let verdict = price(slot, publish, topic, identity, in: &context) { return verdict }
        do throws(StoreError) {
            return isReport
                ? try report(slot, publish, identity, token, in: &context)
                : try answerStateQuestion(slot, identity, in: &context)
        } catch {
            context.counters.add(.retainedReadsFailed)
            context.wire.journal.noteStoreFailure(.retainedRead, error)
            return reject(slot, .notStored, Reason.notStored.text, nil, in: &context)
        }
    }

    /// Whether a report waits: for one of the same device that is being written, or until this node has followed what
    /// the device had reported at another one.
    private mutating func isAwaited(
        _ identity: DeviceIdentity, _ token: Token, in context: inout ShardContext
    ) -> Bool {
        if states.underWay[identity] != nil {
            states.underWay[identity]?.waiting = token
            return true
        }
        guard context.commons.neighbours != nil, states.followed.value(of: identity) != token,
            !states.doubtful.contains(identity)
        else { return false }
        let barrier = Message(
            topic: ReportedTopic.barrier(identity), payload: [], qos: .atMostOnce)
        states.underWay[identity] = StateWork(
            connection: token, packetID: nil, state: nil, waiting: token)
        write(barrier, of: identity, in: &context)
        return true
    }

    private func write(
        _ message: Message, of identity: DeviceIdentity, in context: inout ShardContext
    ) {
        let mailbox = context.commons.mailboxes[context.index]
        context.commons.retained.put(message, at: context.now.books) { outcome in
            mailbox.post(.stateWritten(identity, outcome))
        }
    }

    /// What it costs: a message, where the product says so, and else one of those that the pace allows. `nil`: it is
    /// paid for.
    private mutating func price(
        _ slot: UInt32, _ publish: borrowing Publish, _ topic: Span<UInt8>,
        _ identity: DeviceIdentity, in context: inout ShardContext
    ) -> PublishVerdict? {
        let product = context.wire[slot].settings.productSlot
        guard let product, context.quota.countsState(of: product) else {
            let now = context.now.books
            let isWithin = states.paces.update(identity, orInsert: StatePace()) {
                $0.take(at: now)
            }
            guard !isWithin else { return nil }
            let reason = Reason.stateRateExceeded
            return reject(slot, reason, reason.text, nil, in: &context)
        }
        switch charge(slot, publish, topic, in: &context) {
        case .counted: return nil
        case .refused:
            context.counters.add(.publishesOverQuota)
            let reason = Reason.quotaExceeded
            return reject(slot, reason, reason.text, nil, in: &context)
        case .waits(let stock):
            if context.limitsPublishes { giveBackRate(slot, publish, in: &context) }
            park(slot, at: stock, in: &context)
            return .held
        }
    }

    private mutating func report(
        _ slot: UInt32, _ publish: borrowing Publish, _ identity: DeviceIdentity, _ token: Token,
        in context: inout ShardContext
    ) throws(StoreError) -> PublishVerdict {
        guard let registeredAt = try context.books.desiredState(of: identity)?.registeredAt else {
            return .refused(.topicNotAllowed)
        }
        let old = try reportedState(of: identity, registeredAt: registeredAt, in: &context)
        let new: ReportedState?
        do throws(StateFault) {
            let report = try StateReport(json: publish.payload.bytesArray)
            if let expected = report.expected, expected != old.version {
                let reason = Reason.stateVersionMismatch
                return reject(slot, reason, reason.text, old.version, in: &context)
            }
            new = try old.carryingOut(report, at: context.now.books)
        } catch {
            let reason: Reason = error == .tooLarge ? .stateTooLarge : .stateInvalid
            return reject(slot, reason, error.text, old.version, in: &context)
        }
        guard let new else {
            accept(slot, old, in: &context)
            return .taken
        }
        states.underWay[identity] = StateWork(
            connection: token, packetID: publish.packetID, state: new)
        let record = Message(
            topic: ReportedTopic.name(identity), payload: new.bytes, qos: .atMostOnce)
        write(record, of: identity, in: &context)
        return .writing
    }

    /// What is on the disk; of version 0 when the device has reported nothing since it was registered.
    private mutating func reportedState(
        of identity: DeviceIdentity, registeredAt: Timestamp, in context: inout ShardContext
    ) throws(StoreError) -> ReportedState {
        let messages = context.commons.retained.messages
        let name = ReportedTopic.name(identity)
        let now = context.now.books
        let record = try retainedReader.withTransaction { (transaction) throws(StoreError) in
            try messages.message(of: name.span, now: now, in: transaction)
        }
        return ReportedState(record, registeredAt: registeredAt)
    }

    // MARK: Answers

    /// A report is on the disk, or could not be written. Answers who has waited for that.
    mutating func stateWritten(
        _ identity: DeviceIdentity, _ outcome: WriteOutcome, in context: inout ShardContext
    ) -> Token? {
        guard let work = states.underWay.removeValue(forKey: identity) else { return nil }
        let isWritten = outcome.verdict == nil
        guard let state = work.state else {
            if isWritten {
                states.followed.update(identity, orInsert: work.connection) {
                    $0 = work.connection
                }
            } else {
                states.doubtful.insert(identity)
            }
            return work.waiting
        }
        if isWritten { announce(state, of: identity, in: &context) }
        let slot = work.connection.slot
        guard context.wire.contains(work.connection), context.wire[slot].phase == .open else {
            return work.waiting
        }
        if isWritten {
            accept(slot, state, in: &context)
        } else if case .refused(let reason)? = outcome.verdict {
            _ = reject(slot, reason, reason.text, nil, in: &context)
        }
        if let packetID = work.packetID {
            confirmed(work.connection, packetID, 1, outcome, in: &context)
        }
        return work.waiting
    }

    private mutating func accept(
        _ slot: UInt32, _ state: ReportedState, in context: inout ShardContext
    ) {
        tell(slot, "state/accepted", "{\"reportedVersion\":\(state.version)}", in: &context)
    }

    /// - Parameter version: of the reported document; `nil` when it is not known.
    private mutating func reject(
        _ slot: UInt32, _ reason: Reason, _ detail: String, _ version: UInt64?,
        in context: inout ShardContext
    ) -> PublishVerdict {
        let known = version.map { ",\"reportedVersion\":\($0)" } ?? ""
        tell(
            slot, "state/rejected",
            "{\"reason\":\"\(reason.name)\",\"detail\":\"\(detail)\"\(known)}", in: &context)
        return .refused(reason)
    }

    private mutating func answerStateQuestion(
        _ slot: UInt32, _ identity: DeviceIdentity, in context: inout ShardContext
    ) throws(StoreError) -> PublishVerdict {
        guard let books = try context.books.desiredState(of: identity) else {
            return .refused(.topicNotAllowed)
        }
        let reported = try reportedState(
            of: identity, registeredAt: books.registeredAt, in: &context)
        tell(
            slot, "state",
            "{\"desired\":\(books.desired.document.text),\"desiredVersion\":\(books.desired.version),"
                + "\"reported\":\(reported.document.text),\"reportedVersion\":\(reported.version)}",
            in: &context)
        return .taken
    }

    /// To the device itself, if it has subscribed and reads: what waits for it already has a limit.
    @discardableResult
    mutating func tell(
        _ slot: UInt32, _ name: String, _ payload: String, in context: inout ShardContext
    ) -> Bool {
        guard wantsNotices(slot, name, in: &context) else { return false }
        guard context.wire[slot].waitingBytes < context.commons.limits.queueBytes else {
            context.counters.add(.deliveriesDropped)
            return false
        }
        return notify(slot, name, payload, in: &context)
    }

    // MARK: What a device is to be

    /// The books say something new of what a device is to be: it hears of that if it is connected.
    mutating func desiredChanged(
        _ identity: DeviceIdentity, in context: inout ShardContext
    ) throws(StoreError) {
        guard let session = known(identity),
            let slot = openConnection(of: session.slot, in: &context)
        else { return }
        try tellDesired(slot, in: &context)
    }

    /// What a device is to be goes to one that has subscribed to it, once on each connection, unless it has said that it
    /// has that version.
    mutating func tellDesired(
        _ slot: UInt32, in context: inout ShardContext
    ) throws(StoreError) {
        guard wantsNotices(slot, "state/desired", in: &context),
            case .device(let device) = context.wire[slot].settings.client,
            let token = context.wire.token(of: slot),
            let books = try context.books.desiredState(of: device.identity),
            books.desired.version > 0
        else { return }
        let now = DeviceStates.Told(connection: token, version: books.desired.version)
        guard states.told.value(of: device.identity) != now else { return }
        let reported = try reportedState(
            of: device.identity, registeredAt: books.registeredAt, in: &context)
        guard reported.desired != books.desired.version else { return }
        let isTold = tell(
            slot, "state/desired",
            "{\"desired\":\(books.desired.document.text),\"version\":\(books.desired.version)}",
            in: &context)
        if isTold { states.told.update(device.identity, orInsert: now) { $0 = now } }
    }

    /// The same where a device subscribes or comes back. What can't be read now it can ask for.
    mutating func tellDesiredIfKnown(_ slot: UInt32, in context: inout ShardContext) {
        do throws(StoreError) {
            try tellDesired(slot, in: &context)
        } catch {
            context.counters.add(.retainedReadsFailed)
            context.wire.journal.noteStoreFailure(.retainedRead, error)
        }
    }

    /// The device is deleted: what it has reported goes, as far as it is there. What a device has reported that was
    /// registered under its name since stays.
    mutating func forgetState(
        of identity: DeviceIdentity, in context: inout ShardContext
    ) throws(StoreError) {
        let messages = context.commons.retained.messages
        let name = ReportedTopic.name(identity)
        let now = context.now.books
        let kept = try retainedReader.withTransaction { (transaction) throws(StoreError) in
            try messages.message(of: name.span, now: now, in: transaction)
        }
        let work = states.underWay[identity]
        guard kept != nil || work != nil else { return }
        let said = work?.state ?? kept.flatMap { ReportedState(bytes: $0.payload) }
        let registeredAt = try context.books.desiredState(of: identity)?.registeredAt
        if let said, said.registeredAt == registeredAt { return }
        let removal = Message(topic: name, payload: [], qos: .atMostOnce)
        context.commons.retained.put(removal, at: now) { _ in }
    }

    /// The product is deleted: what its devices have reported goes, some at a time: the shard hears when it is the next
    /// ones' turn.
    mutating func forgetStates(
        of product: ProductKey, in context: inout ShardContext
    ) throws(StoreError) {
        let messages = context.commons.retained.messages
        let filter = ReportedTopic.filter(product)
        let limits = RetainedPageLimits(messages: 100, bytes: 1 << 20, steps: 1_000)
        let now = context.now.books
        let page = try retainedReader.withTransaction { (transaction) throws(StoreError) in
            try messages.page(
                matching: filter.span, from: nil, limits: limits, now: now, in: transaction)
        }
        guard let last = page.messages.last else { return }
        let mailbox = context.commons.mailboxes[context.index]
        for message in page.messages {
            let removal = Message(topic: message.topic, payload: [], qos: .atMostOnce)
            let isLast = message === last
            context.commons.retained.put(removal, at: now) { outcome in
                // One that is not written may be found again, and again.
                if isLast, outcome.verdict == nil { mailbox.post(.statesForgotten(product)) }
            }
        }
    }

    // MARK: Applications

    /// Tells the applications that have asked for it what a device has reported: `d/{PK}/{DK}/state`, at QoS 1.
    private mutating func announce(
        _ state: ReportedState, of identity: DeviceIdentity, in context: inout ShardContext
    ) {
        guard !subscriptions.isEmpty else { return }
        let prefix = identity.topicPrefix
        var found = Matches()
        swap(&found, &matches)
        defer { swap(&found, &matches) }
        let name = GatewayTopic.state
        subscriptions.collect(naming: name.utf8Span.span, below: prefix.span, into: &found)
        guard !found.isEmpty else { return }
        let payload =
            "{\"reported\":\(state.document.text),\"reportedVersion\":\(state.version),"
            + "\"desiredVersion\":\(state.desired),\"at\":\"\(state.changedAt)\"}"
        let message = Message(
            topic: prefix + Array(name.utf8), payload: Array(payload.utf8), qos: .atLeastOnce,
            properties: Presence.properties)
        var shared: Message? = message
        message.withOutbound(isRetained: false) { outbound in
            _ = distribute(outbound, to: found, for: .nobody, sharing: &shared, in: &context)
        }
    }
}

extension ReportedState {
    /// What a record says of the device that was registered then, and not of an earlier one of its name.
    init(_ record: Message?, registeredAt: Timestamp) {
        let kept = record.flatMap { ReportedState(bytes: $0.payload) }
        self =
            if let kept, kept.registeredAt == registeredAt { kept } else {
                .none(registeredAt: registeredAt)
            }
    }
}
