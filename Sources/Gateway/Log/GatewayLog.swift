public import Linux
import Reactor
import Synchronization

/// The log of the data plane. Shards put records into rings of their own and never wait; one thread takes them
/// out, samples them, puts them into words and hands them to the program.
///
/// When the program's `write` is slow or blocked, the rings fill, and what does not fit is counted.
public final class GatewayLog: Sendable {
    /// Records that wait for the thread, of one shard: about half a megabyte.
    static let capacity = 4_096

    /// How long the thread gathers records once one has come, in milliseconds.
    private static let pauseMilliseconds: Int32 = 20

    public let level: LogLevel
    private let write: @Sendable (LogLine) -> Void
    private let rings = Mutex<[BoundedRing<LogRecord>]>([])
    private let thread = Mutex<Thread?>(nil)

    /// Lines of other threads, which are few, and what ends the thread.
    private let mailbox: Mailbox<Message>
    private let end: Mailbox<Void>
    private let isAsleep = Atomic<Bool>(false)
    private let isOver = Atomic<Bool>(false)

    private enum Message: Sendable {
        case line(LogLine)
        case record(LogRecord)
        case wake
        case stop
    }

    /// - Parameters:
    ///   - level: the least important level that is written.
    ///   - write: called on the log's thread, a line at a time; it may block.
    /// - Throws: `EMFILE`, `ENFILE` when there is no descriptor for it.
    public init(
        level: LogLevel,
        write: @escaping @Sendable (LogLine) -> Void
    ) throws(Errno) {
        self.level = level
        self.write = write
        mailbox = try Mailbox()
        end = try Mailbox()
    }

    /// Writes a line, from any thread but a shard's.
    func say(_ level: LogLevel, _ message: String, _ fields: LogLine.Field...) {
        guard level >= self.level, !isOver.load(ordering: .relaxed) else { return }
        mailbox.post(.line(LogLine(level: level, message: message, fields: fields)))
    }

    /// The same of a record, which is sampled as those of the shards are.
    func note(_ record: LogRecord) {
        guard record.level >= level, !isOver.load(ordering: .relaxed) else { return }
        mailbox.post(.record(record))
    }

    /// Where a shard puts its records.
    func shardLog() -> ShardLog {
        let ring = BoundedRing<LogRecord>(capacity: Self.capacity)
        rings.withLock { $0.append(ring) }
        return ShardLog(ring: ring, log: self)
    }

    /// Records that found their ring full, since the start.
    var dropped: Int { Int(rings.withLock { $0.reduce(0) { $0 + $1.dropped } }) }

    /// Begins to write.
    func start() throws(Errno) {
        let thread = try Thread(name: "log") { [self] in run() }
        self.thread.withLock { $0 = thread }
    }

    /// Writes what is there, and ends. Does not wait for a `write` that blocks for more than a second.
    func stop() {
        guard let thread = thread.withLock({ $0.take() }) else { return }
        mailbox.post(.stop)
        var events = EventBuffer(capacity: 1)
        do throws(Errno) {
            let epoll = try Epoll()
            try end.attach(to: epoll, userData: 0)
            try epoll.wait(into: &events, timeoutMilliseconds: 1_000)
        } catch {
            preconditionFailure("epoll: \(error)")
        }
        if isOver.load(ordering: .acquiring) { thread.join() }
    }

    /// Wakes the thread, if it sleeps: for a shard that has put a record.
    func wake() {
        guard isAsleep.load(ordering: .sequentiallyConsistent),
            isAsleep.exchange(false, ordering: .sequentiallyConsistent)
        else { return }
        mailbox.post(.wake)
    }

    private func run() {
        var drain = LogDrain(rings: rings.withLock { $0 }, level: level, write: write)
        var events = EventBuffer(capacity: 8)
        var messages: [Message] = []
        var isStopping = false
        do throws(Errno) {
            let epoll = try Epoll()
            try mailbox.attach(to: epoll, userData: 0)
            while !isStopping {
                mailbox.drain(into: &messages)
                let second = MonotonicInstant.now().nanoseconds / 1_000_000_000
                for message in messages {
                    switch message {
                    case .line(let line): write(line)
                    case .record(let record): drain.take(record, at: second)
                    case .wake: break
                    case .stop: isStopping = true
                    }
                }
                let hasFound = drain.drain(at: second, isLast: isStopping)
                if isStopping { break }
                if hasFound {
                    try epoll.wait(into: &events, timeoutMilliseconds: Self.pauseMilliseconds)
                    continue
                }
                isAsleep.store(true, ordering: .sequentiallyConsistent)
                if drain.isEmpty {
                    try epoll.wait(
                        into: &events, timeoutMilliseconds: drain.isHolding ? 250 : -1)
                }
                isAsleep.store(false, ordering: .sequentiallyConsistent)
            }
        } catch {
            write(LogLine(level: .critical, message: "the log has ended: epoll: \(error)"))
        }
        isOver.store(true, ordering: .releasing)
        end.post(())
    }
}

/// The work of the log's thread: from rings to lines.
struct LogDrain {
    let rings: [BoundedRing<LogRecord>]
    let level: LogLevel
    let write: (LogLine) -> Void
    private var sampler = LogSampler()
    private var dropsTold: UInt64 = 0

    init(
        rings: [BoundedRing<LogRecord>],
        level: LogLevel,
        write: @escaping (LogLine) -> Void
    ) {
        self.rings = rings
        self.level = level
        self.write = write
    }

    var isEmpty: Bool { rings.allSatisfy(\.isEmpty) }

    var isHolding: Bool { sampler.isHolding }

    /// Writes a record, or counts it.
    mutating func take(_ record: LogRecord, at second: Int64) {
        if sampler.takes(record.event, at: second) { write(record.line) }
    }

    /// Writes what the rings hold, and what was held back before `second`, or at all when it is the last
    /// time. False when the rings held nothing.
    mutating func drain(at second: Int64, isLast: Bool = false) -> Bool {
        var hasFound = false
        for ring in rings {
            while let record = ring.next() {
                hasFound = true
                take(record, at: second)
            }
        }
        for line in sampler.summaries(before: isLast ? .max : second) { write(line) }
        let drops = rings.reduce(0) { $0 + $1.dropped }
        if drops > dropsTold, LogLevel.warning >= level {
            let count = drops - dropsTold
            dropsTold = drops
            write(
                LogLine(
                    level: .warning,
                    message: "the log was too slow, and \(count) lines were dropped"
                )
            )
        }
        return hasFound
    }
}

/// What a shard logs with: a check of the level, then one record into its ring.
struct ShardLog: Sendable {
    private let ring: BoundedRing<LogRecord>?
    private let log: GatewayLog?
    private let level: LogLevel

    fileprivate init(ring: BoundedRing<LogRecord>, log: GatewayLog) {
        self.ring = ring
        self.log = log
        level = log.level
    }

    /// Logs nothing.
    init() {
        ring = nil
        log = nil
        level = .critical
    }

    /// Ask before a record is made.
    func isOn(_ level: LogLevel) -> Bool { ring != nil && level >= self.level }

    func note(_ record: LogRecord) {
        guard let ring, let log, record.level >= level else { return }
        ring.append(record)
        log.wake()
    }
}
