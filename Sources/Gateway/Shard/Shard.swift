import Bytes
import Ledger
import Linux
import Metering
import MQTT
import Reactor
import Sessions
import Storage
import Synchronization
import Telemetry
import TLS
import Time

/// One thread's world: its sockets, its clients, their counters, and nobody else's.
///
/// A turn drains the mailbox, serves the ready connections, advances the timers, and then flushes:
/// one write per connection, one post per other shard, one batch to each writer. All of it happens
/// on the shard's thread, without a lock; what others want comes through the mailbox.
///
/// The verbs are in the extensions: accepting, receiving and sending bytes, CONNECT and admission,
/// publishing and delivering, subscribing, timers, mail, and the end of connections.
struct Shard: ~Copyable {
    /// Milliseconds of one tick of the timer wheel.
    static var tickMilliseconds: Int64 { 64 }

    /// What one read takes at most, and so what one connection gets of a turn.
    static var readBytes: Int { 65_536 }

    let index: Int
    let commons: GatewayCommons
    let counters: ShardCounters
    let log: ShardLog

    // The reactor.
    let epoll: Epoll
    var events: EventBuffer
    var clock: ReactorClock
    var wheel: TimerWheel
    var firedTimers: [UInt32] = []
    var mail: [ShardMessage] = []
    var listeners: [ListeningSocket]
    var connections: SlotMap<Connection>
    var sessions: SlotMap<Session>

    /// The ends of absent clients' sessions and their wills, by the session's slot.
    var sessionWheel: TimerWheel
    let startedAt: MonotonicInstant

    // Scratch memory that every turn uses again.
    var inbound = ByteBuffer(capacity: Shard.readBytes)
    var plaintext = ByteBuffer(capacity: Shard.readBytes)
    var records = ByteBuffer(capacity: Shard.readBytes)
    var spareOutput = ByteBuffer(capacity: 4_096)
    var matches = Matches()

    /// The message that is being delivered to many, encoded.
    var fanOut = PublishFanOut()
    var isFanningOut = false

    // What is left to do at the end of the turn.
    var flushList: [Token] = []
    var closingList: [Token] = []
    var outgoing: [[ShardMessage]]

    // Clients.
    var port = TLSPort()
    var tlsContext: TLSContext?

    /// The sessions of clients, connected or away.
    var clients: [ClientName: Token] = [:]
    var absentSessions = 0

    /// Stored sessions.
    var sessionReader: SessionReader
    var sessionWrites = SessionWrites()

    /// Names of sessions whose removal is not on disk yet, and how many removals of each.
    var removedSessions: [SessionName: Int] = [:]
    var nextSessionSweep: MonotonicInstant
    let startedWall: Timestamp

    // Retained messages.
    var retainedReader: CachedReader
    var retainedRequests: [RetainedRequest] = []

    /// QoS 2 messages of stored sessions that wait for other shards' parts of their commits.
    var gathers: [Gather] = []

    /// Sessions with messages in line that nothing covers.
    var quotaWaiters: [Token] = []
    var displacements: DisplacementGuard
    var history = DeviceHistory()
    var traces = DeviceTraces()
    var subscriptions: TopicTree
    var confirmations: [PendingSubscribe] = []

    // Books and counters.
    var books: LedgerReader
    var secrets: SecretSealer
    var quota: Quota
    var unadmitted = 0
    var pendingAdmissions = PendingAdmissions()
    var deferred = DeferredChanges()
    var isAcceptingPaused = false
    var acceptAgainAt = MonotonicInstant(nanoseconds: 0)
    var isDraining = false
    var isStopped = false
    var drainCursor: UInt32 = 0
    var drainDeadline = MonotonicInstant(nanoseconds: 0)

    /// Never read. Its address makes the struct address-only: without it the compiler copies all of it
    /// before many a call.
    private let anchor = Atomic<Bool>(false)

    /// A shard that watches its listeners and its mailbox, and has not begun to run.
    ///
    /// Traps when the kernel has no epoll to give.
    init(
        index: Int,
        commons: GatewayCommons,
        counters: ShardCounters,
        listeners: [ListeningSocket],
        tlsContext: TLSContext?,
        books: consuming LedgerReader,
        secrets: consuming SecretSealer,
        sessionReader: consuming SessionReader,
        retainedReader: consuming CachedReader,
        time: TimeSource
    ) {
        self.index = index
        self.commons = commons
        self.counters = counters
        let log = commons.log?.shardLog() ?? ShardLog()
        self.log = log
        self.listeners = listeners
        self.tlsContext = tlsContext
        self.books = books
        self.secrets = secrets
        self.sessionReader = sessionReader
        self.retainedReader = retainedReader
        let limits = commons.limits
        clock = ReactorClock(time)
        startedAt = clock.monotonic
        startedWall = clock.wall
        nextSessionSweep = clock.monotonic
        events = EventBuffer(capacity: 512)
        wheel = TimerWheel(limit: limits.connectionsPerShard)
        connections = SlotMap(limit: limits.connectionsPerShard)
        sessions = SlotMap(limit: limits.sessionsPerShard)
        sessionWheel = TimerWheel(limit: limits.sessionsPerShard)
        outgoing = Array(repeating: [], count: commons.mailboxes.count)
        displacements = DisplacementGuard(
            limit: limits.displacementsPerMinute,
            penaltyMilliseconds: limits.displacementPenaltyMilliseconds
        )
        subscriptions = TopicTree(seed: .random(in: .min ... .max), shard: index)
        let usage = commons.usage
        quota = Quota(
            unit: commons.messageUnit,
            peers: commons.mailboxes.count - 1,
            limits: commons.heldLimits,
            flushMilliseconds: commons.flushIntervalMilliseconds,
            from: clock.monotonic,
            counters: counters
        ) { device in
            do throws(StoreError) {
                return try usage.usage(of: device)
            } catch {
                counters.add(.usageReadsFailed)
                log.note(
                    LogRecord(event: .storeFailed(.usageRead, error), subject: .device(device)))
                return nil
            }
        }
        do throws(Errno) {
            epoll = try Epoll()
            try commons.mailboxes[index].attach(
                to: epoll,
                userData: Self.mailboxToken.rawValue
            )
            for (number, listener) in listeners.enumerated() {
                try epoll.add(
                    listener.descriptor.rawValue,
                    interest: .read,
                    userData: Self.listenerToken(number).rawValue
                )
            }
        } catch {
            preconditionFailure("epoll: \(error)")
        }
    }

    /// Serves until told to stop.
    mutating func run() {
        while !isStopped { turn() }
        // Questions that were asked meanwhile are answered still.
        readMail()
        dropHeldDeliveries()
        traces.finishAll()
    }

    /// One turn; waits until there is something to do.
    mutating func turn() {
        wait()
        clock.refresh()
        commons.heartbeats.beat(shard: index, at: clock.monotonic)
        readMail()
        readDeferredIfDue()
        for index in 0..<events.count {
            let event = events[index]
            let token = Token(rawValue: event.userData)
            if token.isReserved {
                serveReserved(token)
            } else if connections.contains(token) {
                serve(token.slot, event)
            }
        }
        fireTimers()
        flushCountersIfDue()
        sweepDueSessions()
        serveRetainedRequests()
        resumeAcceptingIfDue()
        if isDraining { drainSome() }
        finishTurn()
    }

    /// The tick that `clock` is in.
    var tick: UInt64 {
        UInt64(max(0, clock.monotonic.milliseconds(since: startedAt) / Self.tickMilliseconds))
    }

    /// How many ticks from now `milliseconds` are, rounded up.
    static func ticks(milliseconds: Int64) -> UInt64 {
        UInt64(max(1, (milliseconds + tickMilliseconds - 1) / tickMilliseconds))
    }

    private mutating func wait() {
        do throws(Errno) {
            try epoll.wait(into: &events, timeoutMilliseconds: waitMilliseconds())
        } catch {
            preconditionFailure("epoll_wait: \(error)")
        }
    }

    /// Until the next timer, the next flush of counters, or the next step of draining.
    private func waitMilliseconds() -> Int32 {
        if isDraining { return 10 }
        if quota.isFlushing || hasRetainedRequests { return 0 }
        var limit: Int64 = 1_000
        if let event = nextTimerEvent {
            let due = startedAt.adding(milliseconds: Int64(event) * Self.tickMilliseconds)
            limit = min(limit, due.milliseconds(since: clock.source.monotonic) + 1)
        }
        if let retry = sessionWrites.nextRetry {
            limit = min(limit, retry.milliseconds(since: clock.source.monotonic) + 1)
        }
        if !deferred.isEmpty { limit = min(limit, DeferredChanges.pauseMilliseconds) }
        let flush = quotaWaiters.isEmpty ? quota.flushDue : quota.nextInterval
        if let flush { limit = min(limit, flush.milliseconds(since: clock.source.monotonic) + 1) }
        return Int32(max(0, limit))
    }

    private var nextTimerEvent: UInt64? {
        guard let event = wheel.nextEvent else { return sessionWheel.nextEvent }
        return min(event, sessionWheel.nextEvent ?? .max)
    }

    private mutating func serveReserved(_ token: Token) {
        guard token != Self.mailboxToken else { return }
        accept(Int(token.slot) - 1)
    }

    /// What the mailbox's events carry; listeners follow from 1 on.
    static var mailboxToken: Token { .reserved(0) }

    static func listenerToken(_ index: Int) -> Token { .reserved(UInt32(index + 1)) }

    private mutating func serve(_ slot: UInt32, _ event: ReadyEvent) {
        if event.isWritable {
            flush(slot)
            if connections[slot: slot].output.isEmpty {
                connections[slot: slot].output.removeAll(keepingCapacity: false)
            }
            if let session = connections[slot: slot].session { sendInLine(session) }
        }
        if event.isReadable, connections[slot: slot].isReading {
            receive(slot)
        } else if event.isOver {
            // Reported in every turn until it is let go of, whatever the socket is watched for.
            end(slot, .connectionLost)
        }
    }

    /// Writes what the turn has left to be written, closes what it has ended, asks for the units that
    /// it has come to need, posts to the others.
    private mutating func finishTurn() {
        repeat {
            flushAll()
            closeAll()
        } while !flushList.isEmpty
        // Wills of those that have just been closed may have come to need units.
        runPackActions()
        submitSessionWrites()
        for shard in outgoing.indices where !outgoing[shard].isEmpty {
            commons.mailboxes[shard].post(contentsOf: outgoing[shard])
            outgoing[shard].removeAll(keepingCapacity: true)
        }
    }
}
