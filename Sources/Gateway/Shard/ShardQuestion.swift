import Ledger
import Metering
import MQTT
import Reactor
import Sessions
import Time

/// Something that only a shard knows, wanted by the control side. The answer is called once, on the
/// shard's thread, and only passes the value on.
enum ShardQuestion: Sendable {
    case onlineCount(ProductKey, @Sendable (Int) -> Void)
    case connection(DeviceIdentity, @Sendable (DeviceConnection?) -> Void)
    case outcomes(DeviceIdentity, @Sendable (DeviceOutcomes) -> Void)
    case refusals([DeviceIdentity], @Sendable ([ConnectionOutcome?]) -> Void)
    case beginTrace(DeviceTrace, @Sendable (Bool) -> Void)
    case endTrace(DeviceTrace, @Sendable (Bool) -> Void)
    case beginWatch(PresenceWatch, @Sendable (Bool) -> Void)
    case endWatch(PresenceWatch, @Sendable (Bool) -> Void)
    case lastSeen([DeviceIdentity], @Sendable ([Timestamp?]) -> Void)
    case unsettledUsage(DeviceIdentity, @Sendable ([DayUsage]) -> Void)
    case kick(DeviceIdentity, @Sendable (Bool) -> Void)
    case send(Message, to: DeviceIdentity, @Sendable (DownlinkOutcome) -> Void)
    case connections(
        from: UInt32, of: ProductKey?, limit: Int, @Sendable (SlotsSeen) -> Void)
    case gauges(@Sendable (ShardGauges) -> Void)
    case figures(@Sendable (NodeFigures) -> Void)

    /// What waits in sessions, those from a slot on.
    case queues(from: UInt32, @Sendable (QueuesSeen) -> Void)

    /// What alerts' digests are to tell of since the last time.
    case takeSeenDevices(@Sendable (SeenDevices) -> Void)

    /// Whether somebody has subscribed to the gateway's own figures.
    case wantsSystemTopics(@Sendable (Bool) -> Void)

    /// All other nodes are asked, there the home of a device or all shards: as many answers as come.
    case otherNodes(NodeQuestion, home: DeviceIdentity?, @Sendable ([NodeAnswer]) -> Void)

    /// One shard of one of them is.
    case node(NodeName, shard: Int, NodeQuestion, @Sendable (NodeAnswer?) -> Void)

    /// Which of them can be reached, and how many shards they have.
    case reachableNodes(@Sendable ([NodeName: Int]) -> Void)

    /// The answer of a shard that has ended.
    func answerOfNobody() {
        switch self {
        case .onlineCount(_, let answer): answer(0)
        case .connection(_, let answer): answer(nil)
        case .outcomes(_, let answer): answer(DeviceOutcomes())
        case .refusals(let devices, let answer):
            answer([ConnectionOutcome?](repeating: nil, count: devices.count))
        case .beginTrace(_, let answer), .endTrace(_, let answer), .beginWatch(_, let answer),
            .endWatch(_, let answer), .wantsSystemTopics(let answer):
            answer(false)
        case .lastSeen(let devices, let answer):
            answer([Timestamp?](repeating: nil, count: devices.count))
        case .unsettledUsage(_, let answer): answer([])
        case .kick(_, let answer): answer(false)
        case .send(_, _, let answer): answer(.notConnected)
        case .connections(_, _, _, let answer): answer(SlotsSeen(elements: [], next: nil))
        case .gauges(let answer): answer(ShardGauges())
        case .figures(let answer): answer(NodeFigures())
        case .queues(_, let answer): answer(QueuesSeen())
        case .takeSeenDevices(let answer): answer(SeenDevices())
        case .otherNodes(_, _, let answer): answer([])
        case .node(_, _, _, let answer): answer(nil)
        case .reachableNodes(let answer): answer([:])
        }
    }
}

/// What a shard has at the moment.
struct ShardGauges: Sendable {
    var connections = 0
    var clients = 0
    var sessions = 0
    var unadmitted = 0
    var subscriptions = 0
    var counters = 0
    var timers = 0

    /// Changes of stored sessions that are not on the disk yet.
    var sessionChanges = 0

    /// Messages that are kept for other nodes.
    var forwards = 0

    /// Devices that are connected, by product.
    var online: [ProductKey: Int] = [:]

    /// What has come of CONNECTs, by product; `nil`: of none that was known.
    var admissions: [ProductKey?: Admissions] = [:]
}

extension Shard {
    mutating func answer(_ question: ShardQuestion) {
        switch question {
        case .onlineCount(let key, let answer):
            answer(context.quota.onlineCount(of: key))
        case .connection(let identity, let answer): answer(deviceConnection(identity))
        case .outcomes(let identity, let answer):
            answer(context.wire.journal.outcomes(of: identity))
        case .refusals(let identities, let answer):
            answer(identities.map { context.wire.journal.lastRefusal(of: $0) })
        case .beginTrace(let trace, let answer):
            beginTrace(trace)
            answer(true)
        case .endTrace(let trace, let answer):
            endTrace(trace)
            answer(true)
        case .beginWatch(let watch, let answer):
            context.wire.journal.watches.insert(watch)
            answer(true)
        case .endWatch(let watch, let answer):
            context.wire.journal.watches.remove(watch)
            answer(true)
        case .lastSeen(let identities, let answer): answer(identities.map { lastSeen($0) })
        case .unsettledUsage(let identity, let answer): answer(context.quota.unsettled(identity))
        case .kick(let identity, let answer):
            answer(kick(identity))
        case .send(let message, let identity, let answer):
            broker.send(message, to: identity, for: .question(answer), in: &context)
        case .otherNodes(let question, let device, let answer):
            askNodes(question, home: device, answer)
        case .node(let node, let shard, let question, let answer):
            askNode(node, shard: shard, question, answer)
        case .reachableNodes(let answer): answer(reachableNodes())
        case .connections(let slot, let product, let limit, let answer):
            answer(connections(from: slot, of: product, limit: limit))
        case .wantsSystemTopics(let answer): answer(broker.hasSystemSubscribers)
        case .figures(let answer): answer(figures())
        case .queues(let slot, let answer): answer(broker.queues(from: slot, in: context))
        case .takeSeenDevices(let answer): answer(context.quota.takeSeen())
        case .gauges(let answer):
            answer(
                ShardGauges(
                    connections: context.wire.count,
                    clients: broker.connectedCount,
                    sessions: broker.sessionCount,
                    unadmitted: context.wire.unadmitted,
                    subscriptions: broker.subscriptionCount,
                    counters: context.quota.counterCount,
                    timers: context.wire.timerCount,
                    sessionChanges: broker.unwrittenChanges,
                    forwards: broker.forwardCount,
                    online: context.quota.online,
                    admissions: context.quota.admissions
                )
            )
        }
    }

    /// Ends the connection of a device; false when it has none.
    mutating func kick(_ identity: DeviceIdentity) -> Bool {
        guard let token = broker.connection(of: identity, in: &context) else { return false }
        end(token.slot, .kicked)
        return true
    }

    /// When a connected device's last packet came, to within a tick; `nil` when it is not connected.
    mutating func lastSeen(_ identity: DeviceIdentity) -> Timestamp? {
        guard let token = broker.connection(of: identity, in: &context) else {
            return nil
        }
        return lastSeen(in: token.slot)
    }

    /// When the last packet of a connection came, to within a tick.
    func lastSeen(in slot: UInt32) -> Timestamp {
        let ticksAgo =
            context.now.tick - min(context.now.tick, context.wire[slot].receivedTick)
        return context.now.wall.adding(milliseconds: -Int64(ticksAgo) * ShardTime.tickMilliseconds)
    }

    mutating func deviceConnection(_ identity: DeviceIdentity) -> DeviceConnection? {
        guard let token = broker.connection(of: identity, in: &context) else {
            return nil
        }
        return connection(in: token.slot, of: "\(identity)")
    }

    func connection(in slot: UInt32, of name: String) -> DeviceConnection {
        let settings = context.wire[slot].settings
        return DeviceConnection(
            address: "\(context.wire[slot].peer)",
            listener: context.commons.listeners[context.wire[slot].listener].name,
            connectedAt: context.wire[slot].openedAt,
            protocolVersion: settings.protocolName,
            clientID: name,
            keepAliveSeconds: Int(settings.keepAliveSeconds),
            encryption: context.wire[slot].encryption,
            parent: context.wire[slot].parent?.identity,
            children: context.wire[slot].children.count,
            certificateExpiresAt: context.wire[slot].certificateExpiresAt
        )
    }
}
