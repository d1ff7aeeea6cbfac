import Bytes
import Glibc
import Ledger
import Linux
import Metering
import MQTT
import Reactor
import Sessions
import Storage
import Testing
import TestFiles
import Time

@testable import Gateway

/// One shard's organs without a loop: connections that nobody reads, and a time that stands still.
struct OrganBench: ~Copyable {
    static let noon = Timestamp(milliseconds: 20_000 * 86_400_000 + 43_200_000)

    var context: ShardContext
    var broker: Broker
    private let directory = TemporaryDirectory()

    /// Shard 0 of `shards`.
    init(
        shards: Int = 2, descriptors: Int? = nil,
        configure: (inout GatewayConfiguration.Limits) -> Void = { _ in }
    ) throws {
        let shared = try SharedEnvironment(
            path: directory.file("usage"), mapSizeBytes: 1 << 24, maximumReaders: 16)
        let ledger = try Ledger(
            directory: directory.file("ledger"), mapSizeBytes: 1 << 24, maximumReaders: 16)
        let sessions = try SessionStore(in: shared)
        let retained = try RetainedMessageStore(
            in: shared, limits: RetainedLimits(messages: 100, bytes: 100_000))
        let configuration = GatewayConfiguration()
        let start = MonotonicInstant(nanoseconds: 0)
        let time = ShardTime(wall: Self.noon, monotonic: start, since: start)
        var configured = GatewayConfiguration.Limits()
        configure(&configured)
        let limits = ShardLimits(configured, descriptors: descriptors, shards: shards)
        let counters = ShardCounters()
        let commons = GatewayCommons(
            node: .alone,
            mailboxes: try (0..<shards).map { _ in try Mailbox() },
            neighbours: nil,
            log: nil,
            heartbeats: Heartbeats(shards: shards, at: start),
            wrongSecrets: WrongSecrets(limits.failures),
            clock: BooksClock(
                .manual(ManualClock(wall: Self.noon, monotonic: start)), aheadHours: 0, log: nil),
            ledger: ledger,
            usage: try UsageStore(in: shared),
            sessions: sessions,
            sessionLeader: nil,
            retained: retained,
            uplink: Uplink(nil, log: nil),
            messageLog: nil,
            dataCentre: configuration.home,
            listeners: configuration.listeners.map { ListenerTraits($0, of: configuration) },
            limits: limits,
            homes: Homes(shards: shards),
            messageUnit: .standard,
            flushIntervalMilliseconds: 1_000,
            timestampWindowMilliseconds: 0,
            drainStep: 64
        )
        let books = try ledger.reader()
        let epoll = try Epoll()
        let sessionReader = try sessions.reader()
        let retainedReader = try retained.reader()
        context = ShardContext(
            index: 0,
            commons: commons,
            counters: counters,
            now: time,
            books: books,
            wire: Wire(
                epoll: epoll,
                limits: limits,
                counters: counters,
                tlsContexts: nil,
                journal: Journal(ShardLog(), listeners: ["test"], at: time.wall)
            ),
            quota: Quota(
                unit: .standard,
                peers: shards - 1,
                limits: commons.heldLimits,
                flushMilliseconds: 1_000,
                from: start,
                counters: counters
            ) { _ in nil }
        )
        broker = Broker(
            sessionLimit: limits.sessionsPerShard,
            shard: 0,
            sessionReader: sessionReader,
            retainedReader: retainedReader,
            forwardingLife: 0,
            at: time
        )
    }

    /// A connection that has been accepted.
    mutating func accept() throws -> UInt32 {
        let connection = Connection(
            descriptor: Descriptor(adopting: dup(2)),
            listener: 1,
            peer: SocketAddress("127.0.0.1:1883")!,
            tls: nil,
            at: context.now
        )
        let token = context.wire.connections.insert(connection)
        return try #require(token).slot
    }

    /// An application's open connection; its session outlives it when `expirySeconds` is not 0.
    mutating func connect(_ clientID: String, expirySeconds: UInt32 = 0) throws -> UInt32 {
        let slot = try accept()
        let client = ApplicationClient(clientID: clientID, key: nil, rights: .products(nil))
        context.wire[slot].settings.version = .v5
        context.wire[slot].settings.client = .application(client)
        context.wire[slot].settings.expirySeconds = expirySeconds
        context.wire[slot].phase = .open
        let connected = context.wire.token(of: slot)
        let token = try #require(connected)
        _ = try broker.openSession(for: token, in: &context)
        return slot
    }

    /// Subscribes the client of a connection.
    mutating func subscribe(_ slot: UInt32, to filter: String) throws {
        let held = context.wire[slot].session
        let session = try #require(held)
        let isStored = context.wire[slot].settings.expirySeconds > 0
        subscribe(shard: 0, session, to: filter, isStored: isStored)
    }

    /// Puts a session's filter into the shard's tree.
    mutating func subscribe(shard: Int, _ session: Token, to filter: String, isStored: Bool) {
        let subscriber = Subscriber(
            shard: shard, token: session, qos: .exactlyOnce, noLocal: false, isStored: isStored)
        broker.subscribeHere(subscriber, to: Array(filter.utf8), confirming: nil, in: &context)
    }

    /// Publishes at QoS 2.
    mutating func publish(
        _ topic: String,
        from slot: UInt32,
        qos: QoS = .exactlyOnce,
        for answer: PublishAnswer
    ) -> Publication {
        let message = Message(topic: Array(topic.utf8), payload: [1, 2, 3], qos: qos)
        return message.withOutbound(isRetained: false) { outbound in
            broker.route(outbound, from: slot, for: answer, in: &context)
        }
    }

    /// Bytes that wait to be sent.
    func waitingBytes(_ slot: UInt32) -> Int { context.wire[slot].output.count }

    /// Messages to another shard.
    func outgoing(to shard: Int) -> [ShardMessage] { context.outgoing[shard] }
}
