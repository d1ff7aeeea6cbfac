import Bytes
import Ledger
import Linux
import MessageLog
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
    // The loop.
    var clock: ReactorClock
    private let startedAt: MonotonicInstant
    private var events: EventBuffer
    private var alarm: DueAlarm
    var firedTimers: [UInt32] = []
    var mail: [ShardMessage] = []
    var listeners: [ListeningSocket]

    // The organs.
    var context: ShardContext
    var broker: Broker
    var door: Door

    /// How far devices with limits were that have gone lately.
    var spentRates = BoundedTable<DeviceIdentity, TrafficLimiter>(limit: 4_096)

    /// For connections whose certificates count no more: the first one is under way.
    var certificateSweeps: [CertificateSweep] = []

    /// When another shard read the CONNECT that is being served.
    var askedAt: MonotonicInstant?

    /// What a connection is accepted with that there is no descriptor for.
    var spare = SpareDescriptor()
    var isAcceptingPaused = false

    /// A node that has just started takes no connections yet.
    var isAwaitingWelcomes = false
    var acceptAgainAt = MonotonicInstant(nanoseconds: 0)
    var isDraining = false
    var isStopped = false

    /// While draining: all connections of this shard are closed, and those of all shards.
    var isClosed = false
    var areAllClosed = false
    var drainCursor: UInt32 = 0
    var drainDeadline = MonotonicInstant(nanoseconds: 0)

    /// Gives the struct an address, so that no call copies it.
    private let anchor = Atomic<Bool>(false)

    /// A shard that watches its listeners and its mailbox, and has not begun to run.
    ///
    /// Traps when the kernel has no epoll to give.
    init(
        index: Int,
        commons: GatewayCommons,
        counters: ShardCounters,
        listeners: [ListeningSocket],
        tlsContexts: ListenerContexts?,
        books: consuming LedgerReader,
        secrets: consuming SecretSealer,
        sessionReader: consuming SessionReader,
        retainedReader: consuming CachedReader,
        time: TimeSource
    ) {
        let log = commons.log?.shardLog() ?? ShardLog()
        self.listeners = listeners
        let limits = commons.limits
        let clock = ReactorClock(time)
        self.clock = clock
        startedAt = clock.monotonic
        events = EventBuffer(capacity: 512)
        door = Door(
            secrets: secrets,
            displacements: DisplacementGuard(
                limit: limits.displacementsPerMinute,
                penaltyMilliseconds: limits.displacementPenaltyMilliseconds
            ),
            timestampWindowMilliseconds: commons.timestampWindowMilliseconds
        )
        let now = ShardTime(clock, since: clock.monotonic, commons.clock)
        broker = Broker(
            sessionLimit: limits.sessionsPerShard,
            shard: index,
            sessionReader: sessionReader,
            retainedReader: retainedReader,
            forwardingLife: commons.neighbours?.life ?? 0,
            at: now
        )
        let usage = commons.usage
        let quota = Quota(
            unit: commons.messageUnit,
            // All other nodes together answer a recall like one more shard.
            peers: commons.mailboxes.count - (commons.neighbours == nil ? 1 : 0),
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
        isAwaitingWelcomes = commons.neighbours != nil
        isAcceptingPaused = isAwaitingWelcomes
        acceptAgainAt = clock.monotonic.adding(milliseconds: Welcomes.patienceMilliseconds)
        let epoll: Epoll
        do throws(Errno) {
            epoll = try Epoll()
            alarm = try DueAlarm()
            try alarm.attach(to: epoll, userData: Self.alarmToken.rawValue)
            try commons.mailboxes[index].attach(
                to: epoll,
                userData: Self.mailboxToken.rawValue
            )
            for (number, listener) in listeners.enumerated() {
                try epoll.add(
                    listener.descriptor.rawValue,
                    interest: isAcceptingPaused ? [] : .read,
                    userData: Self.listenerToken(number).rawValue
                )
            }
        } catch {
            preconditionFailure("epoll: \(error)")
        }
        context = ShardContext(
            index: index,
            commons: commons,
            counters: counters,
            now: now,
            books: books,
            wire: Wire(
                epoll: epoll,
                limits: limits,
                counters: counters,
                tlsContexts: tlsContexts,
                journal: Journal(log, listeners: commons.listeners.map(\.name), at: now.wall)
            ),
            quota: quota
        )
    }

    /// Serves until told to stop.
    mutating func run() {
        while !isStopped { turn() }
        // Questions that were asked meanwhile are answered still.
        readMail()
        context.peers.loseQuestions()
        context.messages.handOver()
        dropHeldDeliveries()
        context.commons.leftovers.add(
            DrainOutcome(
                counts: context.quota.unflushedCount,
                leases: context.quota.unsettledLeases,
                sessionChanges: broker.unwrittenChanges
            ))
        context.wire.journal.traces.finishAll()
        context.wire.journal.watches.finishAll()
    }

    /// One turn; waits until there is something to do.
    mutating func turn() {
        wait()
        let before = clock
        clock.refresh()
        context.now = ShardTime(clock, since: startedAt, context.commons.clock)
        context.wire.journal.now = context.now.wall
        context.commons.heartbeats.beat(
            shard: context.index, at: context.now.monotonic,
            connections: context.wire.count)
        context.noteSockets()
        beatIfDue()
        if clock.hasStepped(since: before) { lookAtClock() }
        readMail()
        readDeferredIfDue()
        endSilentReaders()
        for index in 0..<events.count {
            let event = events[index]
            let token = Token(rawValue: event.userData)
            if token.isReserved {
                serveReserved(token, event)
            } else if context.wire.contains(token) {
                serve(token.slot, event)
            }
        }
        fireTimers()
        flushCountersIfDue()
        broker.sweepDueSessions(in: &context)
        letInThoseThatWait()
        broker.serveRetainedRequests(in: &context)
        servePublishersThatWait()
        serveDelayedPublishers()
        resumeAcceptingIfDue()
        sweepCertificates()
        if isDraining { drainSome() }
        finishTurn()
    }

    private mutating func wait() {
        do throws(Errno) {
            var limit: Int32 = -1
            if isDraining {
                limit = 10
            } else if context.quota.isFlushing || broker.hasRetainedRequests(in: &context)
                || !certificateSweeps.isEmpty
            {
                limit = 0
            } else {
                try alarm.set(by: nextDue, clock)
            }
            try context.wire.epoll.wait(into: &events, timeoutMilliseconds: limit)
        } catch {
            preconditionFailure("epoll_wait: \(error)")
        }
    }

    /// The next timer, the next flush of counters, or the next heartbeat.
    private var nextDue: MonotonicInstant {
        let now = clock.monotonic
        var due = now.adding(milliseconds: 1_000)
        if let event = nextTimerEvent {
            let elapsed = Int64(event) * ShardTime.tickMilliseconds
            due = min(due, startedAt.adding(milliseconds: elapsed))
        }
        if let retry = broker.nextRetry { due = min(due, retry) }
        if let covered = broker.nextCovered { due = min(due, covered) }
        if door.hasDeferred {
            due = min(due, now.adding(milliseconds: DeferredChanges.pauseMilliseconds))
        }
        if let pause = broker.paceMilliseconds {
            due = min(due, now.adding(milliseconds: pause))
        }
        if broker.hasQuotaWaiters { due = min(due, context.quota.nextInterval) }
        if let flush = context.quota.flushDue { due = min(due, flush) }
        if let messages = context.messages.due { due = min(due, messages) }
        return due
    }

    private var nextTimerEvent: UInt64? {
        guard let event = context.wire.nextTimerEvent else { return broker.nextTimerEvent }
        return min(event, broker.nextTimerEvent ?? .max)
    }

    private mutating func serveReserved(_ token: Token, _ event: ReadyEvent) {
        switch token {
        case Self.mailboxToken: break
        case Self.alarmToken: alarm.wentOff()
        case _ where token.slot >= ChildLinks.firstNumber:
            broker.serveLink(
                token.slot - ChildLinks.firstNumber, isOver: event.isOver, in: &context)
        default: accept(Int(token.slot) - 1)
        }
    }

    /// What the mailbox's events carry; listeners follow from 1 on.
    static var mailboxToken: Token { .reserved(0) }

    /// What the alarm's carry: no listener has so high a number.
    static var alarmToken: Token { .reserved(.max) }

    static func listenerToken(_ index: Int) -> Token { .reserved(UInt32(index + 1)) }

    private mutating func serve(_ slot: UInt32, _ event: ReadyEvent) {
        if event.isWritable {
            context.wire.flush(slot)
            if context.wire[slot].output.isEmpty {
                context.wire[slot].output.removeAll(keepingCapacity: false)
            }
            if let session = context.wire[slot].session {
                broker.sendInLine(session, in: &context)
            }
        }
        if event.isReadable, context.wire[slot].isReading {
            receive(slot)
        } else if event.isOver {
            // Reported in every turn until it is let go of, whatever the socket is watched for.
            end(slot, .connectionLost)
        }
    }

    /// Writes what the turn has left to be written, closes what it has ended, asks for units that clients
    /// lacked, posts to the others.
    private mutating func finishTurn() {
        repeat {
            context.wire.flushAll()
            closeAll()
            broker.serveHeldLinks(in: &context)
            if context.flushLinks() { broker.mayServeHeldPublishers() }
        } while context.wire.hasFlushes
        // Wills of those that have just been closed may have come to need units.
        runPackActions()
        finishYields()
        readdressLateForwards()
        releaseEnded()
        broker.submitSessionWrites(in: &context)
        context.messages.handOverIfDue(at: context.now.monotonic)
        context.postOutgoing()
        context.counters.latencies.record(
            &context.answered, from: context.now.monotonic, to: clock.source.monotonic)
    }
}
