import Ledger
import Linux
import MessageLog
import Metering
import Reactor
import Sessions
import Storage
import Synchronization
import TLS
import WebSocket

/// What all shards share: values, and doors to other threads. Nothing in it changes.
struct GatewayCommons: Sendable {
    /// Who this gateway is among those that share its books.
    let node: NodeName
    let mailboxes: [Mailbox<ShardMessage>]

    /// `nil`: it is in no cluster.
    let neighbours: Neighbours?

    /// `nil`: nothing is logged.
    let log: GatewayLog?
    let heartbeats: Heartbeats
    let sockets = SocketCount()
    let storeWatch = StoreWatch()

    /// What the shards could not bring to the stores before they ended.
    let leftovers = Leftovers()
    let closedShards = ClosedShards()

    let wrongSecrets: WrongSecrets

    /// For the page of metrics.
    let shownProducts = ShownProducts()
    let nearExpiry = MinuteFigures<[ProductKey: NearExpiryCount]>()
    let authorityEnds = MinuteFigures<AuthorityEnds>()
    let clock: BooksClock
    let ledger: Ledger
    let usage: UsageStore
    let sessions: SessionStore

    /// Has another node keep the sessions, too; `nil`: it is in no cluster.
    let sessionLeader: SessionLeader?
    let retained: RetainedMessageStore

    /// Where devices' messages go whose products name streams.
    let uplink: Uplink

    /// Where devices' messages are stored whose products say so; `nil` in some tests.
    let messageLog: MessageLog?

    /// Where the devices are connected (rule B13).
    let dataCentre: DataCentreID
    let listeners: [ListenerTraits]

    /// Where connections of HTTP are left.
    let sharedPort = SharedPort()
    /// Links to firmware images; `nil` when the gateway has none for devices.
    private(set) var firmwareLinks: FirmwareLinks?

    /// Where the images are.
    private(set) var firmwareFiles = FirmwareFiles(directory: "")
    let limits: ShardLimits
    let homes: Homes
    let messageUnit: MessageUnit
    let flushIntervalMilliseconds: Int64

    /// How far a signed timestamp may be off; 0: it is not looked at.
    let timestampWindowMilliseconds: Int64

    /// Clients that a shard tells to go in one turn of draining. It takes 100 turns a second when it
    /// has nothing else to do, and more when it has.
    let drainStep: Int

    func with(
        firmwareOf configuration: GatewayConfiguration, _ secret: TicketSecret
    ) -> GatewayCommons {
        var commons = self
        commons.firmwareLinks = FirmwareLinks(of: configuration, secret: secret)
        commons.firmwareFiles = configuration.firmwareFiles
        return commons
    }

    /// Writes changes of stored sessions, which go together; see `SessionStore.submit`.
    func write(
        _ changes: [SessionChange],
        completion: @escaping @Sendable (Result<Void, StoreError>) -> Void
    ) {
        guard let sessionLeader else { return sessions.submit(changes, completion: completion) }
        sessionLeader.submit(changes, completion: completion)
    }

    /// Who this gateway is to the ledger's leases; all shards are one.
    var leaseHolder: LeaseHolder { LeaseHolder(node) }

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

    /// For the sockets of clients and children, of all shards.
    let descriptors: Int

    /// Sessions in memory: one for each connection, and as many of clients that are away.
    var sessionsPerShard: Int { 2 * connectionsPerShard }
    let sessionExpiryMaximumSeconds: UInt32
    let unadmittedPerShard: Int
    let unadmittedPerSource: Int
    let connectsPerSecondPerSource: Double

    /// What no limit of one source holds for.
    let exemptNetworks: [IPNetwork]
    let handshakeTimeoutMilliseconds: Int64
    let connectTimeoutMilliseconds: Int64

    /// How long a CONNECT may wait for the ledger.
    let ledgerTimeoutMilliseconds: Int64
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

    /// Of all shards together.
    let failures: FailureLimits

    /// - Parameter descriptors: `nil`: enough.
    init(
        _ limits: GatewayConfiguration.Limits, descriptors: Int? = nil, shards: Int,
        _ patience: LedgerPatience = LedgerPatience()
    ) {
        connectionsPerShard = max(1, (limits.connections + shards - 1) / shards)
        self.descriptors = descriptors ?? .max
        sessionExpiryMaximumSeconds = UInt32(limits.sessionExpiryMaximumSeconds)
        unadmittedPerShard = max(1, (limits.handshakesInFlight + shards - 1) / shards)
        let perAddress = limits.unadmittedPerAddress ?? limits.unadmittedPerAddressByDefault
        unadmittedPerSource = max(1, (perAddress + shards - 1) / shards)
        connectsPerSecondPerSource = Double(limits.connectsPerSecondPerAddress) / Double(shards)
        exemptNetworks = limits.exemptNetworks.compactMap { IPNetwork($0) }
        handshakeTimeoutMilliseconds = Int64(limits.handshakeTimeoutSeconds) * 1_000
        connectTimeoutMilliseconds = Int64(limits.connectTimeoutSeconds) * 1_000
        ledgerTimeoutMilliseconds = patience.connectMilliseconds
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
        failures = FailureLimits(
            perName: limits.wrongSecretsPerMinute,
            perSource: limits.wrongSecretsPerMinutePerAddress,
            penaltyMilliseconds: Int64(limits.wrongSecretPenaltySeconds) * 1_000,
            capacity: 16_384 * shards)
    }
}

/// What a connection has to know of the listener that it came in by.
struct ListenerTraits: Sendable {
    let name: String
    let isEncrypted: Bool
    let isAnonymous: Bool
    let verifiesClients: Bool

    /// Whether devices prove themselves by pre-shared keys.
    let takesPreSharedKeys: Bool

    /// Where connections come from that say whom they are for; `nil` where they are the clients' own.
    let proxies: [IPNetwork]?

    let acceptsMQTT31: Bool

    /// Whether clients of HTTP come here too, which are the API's.
    let isShared: Bool

    /// Whom to let open a WebSocket; `nil` where MQTT is spoken without one.
    let webSocket: HandshakePolicy?

    // The listener's own, or those of the whole gateway.
    let keepAliveMaximumSeconds: Int
    let topicAliasMaximum: Int
    let receiveMaximum: Int
    let packetBytes: Int

    /// What may be used on a listener without authentication.
    let topics: TopicPatterns

    init(_ listener: GatewayConfiguration.Listener, of configuration: GatewayConfiguration) {
        let limits = configuration.limits
        name = listener.name
        isEncrypted = listener.tls
        isAnonymous = listener.authentication == .none
        verifiesClients = listener.tls && configuration.tls.clientCA != nil
        takesPreSharedKeys = listener.tls && configuration.tls.psk
        proxies =
            listener.proxyProtocol ? listener.trustedProxies.compactMap { IPNetwork($0) } : nil
        acceptsMQTT31 = listener.mqtt31
        isShared = listener.shareWithAPI
        webSocket =
            listener.protocol == .websocket
            ? HandshakePolicy(path: listener.path, origins: listener.origins) : nil
        keepAliveMaximumSeconds = listener.keepAliveMaximumSeconds ?? limits.keepAliveMaximumSeconds
        topicAliasMaximum = listener.topicAliasMaximum ?? limits.topicAliasMaximum
        receiveMaximum = listener.receiveMaximum ?? limits.inflightMessages
        packetBytes = listener.packetSizeBytes ?? limits.packetSizeBytes
        topics = TopicPatterns(
            allowed: listener.allowedTopics, denied: listener.deniedTopics,
            systemTopics: listener.systemTopics)
    }
}

/// When each shard last began a turn, which tells that it still does, and how many connections it had.
final class Heartbeats: Sendable {
    private let shards: [Beat]

    private final class Beat: Sendable {
        let nanoseconds: Atomic<Int64>
        let connections = Atomic<Int>(0)

        /// When a connection last found no descriptor; 0 for never.
        let shortage = Atomic<Int64>(0)

        init(at time: MonotonicInstant) { nanoseconds = Atomic(time.nanoseconds) }
    }

    /// The time of making it counts as each shard's first turn: a thread that has not begun yet is
    /// not stuck.
    init(shards: Int, at time: MonotonicInstant) {
        self.shards = (0..<shards).map { _ in Beat(at: time) }
    }

    func beat(shard: Int, at time: MonotonicInstant, connections: Int) {
        shards[shard].nanoseconds.store(time.nanoseconds, ordering: .relaxed)
        shards[shard].connections.store(connections, ordering: .relaxed)
    }

    func noteShortage(shard: Int, at time: MonotonicInstant) {
        shards[shard].shortage.store(time.nanoseconds, ordering: .relaxed)
    }

    /// Connections of the shard that has most.
    var mostConnections: Int {
        shards.map { $0.connections.load(ordering: .relaxed) }.max() ?? 0
    }

    /// How long ago a connection last found no descriptor; `nil` for never.
    func millisecondsSinceShortage(at time: MonotonicInstant) -> Int64? {
        let last = shards.map { $0.shortage.load(ordering: .relaxed) }.max() ?? 0
        guard last > 0 else { return nil }
        return time.milliseconds(since: MonotonicInstant(nanoseconds: last))
    }

    /// Whether each shard has begun a turn after that time.
    func haveAllTurned(since time: MonotonicInstant) -> Bool {
        shards.allSatisfy { $0.nanoseconds.load(ordering: .relaxed) > time.nanoseconds }
    }

    /// How long ago the slowest shard began its last turn. A shard with nothing to do begins one
    /// every second.
    func longestPause(at time: MonotonicInstant) -> Int64 {
        let oldest = shards.map { $0.nanoseconds.load(ordering: .relaxed) }.min() ?? 0
        return time.milliseconds(since: MonotonicInstant(nanoseconds: oldest))
    }
}
