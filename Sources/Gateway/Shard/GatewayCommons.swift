import Ledger
import Linux
import Metering
import Reactor
import Sessions
import TLS

/// What all shards share: values, and doors to other threads. Nothing in it changes.
struct GatewayCommons: Sendable {
    let mailboxes: [Mailbox<ShardMessage>]

    /// `nil`: nothing is logged.
    let log: GatewayLog?
    let heartbeats: Heartbeats
    let ledger: Ledger
    let usage: UsageStore
    let sessions: SessionStore
    let retained: RetainedStore

    /// Where the devices are connected (rule B13).
    let dataCentre: DataCentreID
    let listeners: [ListenerTraits]
    let limits: ShardLimits
    let homes: Homes
    let messageUnit: MessageUnit
    let flushIntervalMilliseconds: Int64

    /// How far a signed timestamp may be off; 0: it is not looked at.
    let timestampWindowMilliseconds: Int64

    /// Clients that a shard tells to go in one turn of draining. It takes 100 turns a second when it
    /// has nothing else to do, and more when it has.
    let drainStep: Int

    /// Who this process is to the ledger's leases; all shards are one.
    var leaseHolder: LeaseHolder { Self.leaseHolder }

    private static let leaseHolder: LeaseHolder = {
        guard let holder = LeaseHolder("gateway") else { preconditionFailure("a holder's name") }
        return holder
    }()

    /// What may wait for top-up units in one shard; the ledger answers within milliseconds.
    var heldLimits: (messages: Int, bytes: Int) { (16_384, 16 * limits.queueBytes) }

    /// What may wait for one client's window.
    var queueLimits: QueueLimits {
        QueueLimits(messages: limits.queueMessages, bytes: limits.queueBytes)
    }
}

/// One shard's part of the configured limits, in the units that it counts in.
struct ShardLimits: Sendable {
    let connectionsPerShard: Int

    /// Sessions in memory: one for each connection, and as many of clients that are away.
    var sessionsPerShard: Int { 2 * connectionsPerShard }
    let sessionExpiryMaximumSeconds: UInt32
    let unadmittedPerShard: Int
    let handshakeTimeoutMilliseconds: Int64
    let connectTimeoutMilliseconds: Int64
    let connectPacketBytes: Int
    let packetBytes: Int
    let receiveMaximum: Int
    let queueBytes: Int
    let queueMessages: Int
    let topicAliasMaximum: Int
    let keepAliveMinimumSeconds: Int
    let keepAliveMaximumSeconds: Int
    let topicLevels: Int
    let subscriptions: Int
    let displacementsPerMinute: Int
    let displacementPenaltyMilliseconds: Int64

    init(_ limits: GatewayConfiguration.Limits, shards: Int) {
        connectionsPerShard = max(1, (limits.connections + shards - 1) / shards)
        sessionExpiryMaximumSeconds = UInt32(limits.sessionExpiryMaximumSeconds)
        unadmittedPerShard = max(1, (limits.handshakesInFlight + shards - 1) / shards)
        handshakeTimeoutMilliseconds = Int64(limits.handshakeTimeoutSeconds) * 1_000
        connectTimeoutMilliseconds = Int64(limits.connectTimeoutSeconds) * 1_000
        connectPacketBytes = limits.connectPacketSizeBytes
        packetBytes = limits.packetSizeBytes
        receiveMaximum = limits.inflightMessages
        queueBytes = limits.queueBytes
        queueMessages = limits.queueMessages
        topicAliasMaximum = limits.topicAliasMaximum
        keepAliveMinimumSeconds = limits.keepAliveMinimumSeconds
        keepAliveMaximumSeconds = limits.keepAliveMaximumSeconds
        topicLevels = limits.topicLevels
        subscriptions = limits.subscriptions
        displacementsPerMinute = limits.duplicatesPerMinute
        displacementPenaltyMilliseconds = Int64(limits.duplicatePenaltySeconds) * 1_000
    }
}
