import Ledger
import Linux
import Replication
import Sessions
import Storage
import Synchronization
import Time

/// Retained messages, for all shards: written by the store's one writer, read where they are wanted. Those of a node of
/// a cluster take the way over all nodes (`RetainedReplica`).
final class RetainedMessageStore: Sendable {
    let messages: RetainedMessages
    let limits: RetainedLimits
    private let shared: SharedEnvironment

    /// Writes that are not on disk yet: a look-up has to wait for them.
    private let underWay = Atomic<Int>(0)

    /// How many writes have been asked for.
    private let writes: Counter
    private let replica: RetainedReplica?

    /// A number that several have: see `writes`.
    private final class Counter: Sendable {
        let value = Atomic<UInt64>(0)

        func advance() { value.add(1, ordering: .acquiringAndReleasing) }
    }

    /// - Parameter records: those of all nodes, when this is one of a cluster.
    init(
        in shared: SharedEnvironment,
        limits: RetainedLimits,
        following records: (any LatestRecords)? = nil,
        log: GatewayLog? = nil
    ) throws(StoreError) {
        let messages = try RetainedMessages(in: shared.environment)
        let writes = Counter()
        self.messages = messages
        self.limits = limits
        self.shared = shared
        self.writes = writes
        replica = records.map { records in
            RetainedReplica(records, into: messages, of: shared, limits: limits, log: log) {
                writes.advance()
            }
        }
    }

    /// Begins to follow the other nodes, if there are any; `stop` ends that.
    func start() throws(Errno) { try replica?.start() }

    /// Before the store is closed.
    func stop() { replica?.stop() }

    /// Whether a look-up on disk could miss what was published before.
    var isBusy: Bool {
        underWay.load(ordering: .acquiring) > 0 || replica?.isCatchingUp == true
    }

    /// The number of the last write that was asked for. While it stays the same, nothing that a look-up
    /// finds is newer.
    var lastWrite: UInt64 { writes.value.load(ordering: .acquiring) }

    /// How many messages are retained, those that are over and not swept yet among them.
    func count() throws(StoreError) -> Int {
        try shared.environment.read { transaction throws(StoreError) in
            try messages.totals(in: transaction).messages
        }
    }

    /// The record of what a device has reported of its state.
    func reported(by device: DeviceIdentity, now: Timestamp) throws(StoreError) -> Message? {
        let name = ReportedTopic.name(device)
        return try shared.environment.read { transaction throws(StoreError) in
            try messages.message(of: name.span, now: now, in: transaction)
        }
    }

    /// Some of the records of what devices have reported, in order.
    func reports(
        from start: RetainedCursor?, now: Timestamp
    ) throws(StoreError) -> RetainedPage {
        let filter = ReportedTopic.filter
        let limits = RetainedPageLimits(messages: 100, bytes: 1 << 20, steps: 1_000)
        return try shared.environment.read { transaction throws(StoreError) in
            try messages.page(
                matching: filter.span, from: start, limits: limits, now: now, in: transaction)
        }
    }

    /// A reader for one thread.
    func reader() throws(StoreError) -> CachedReader { try CachedReader(shared.environment) }

    /// Retains a message, or deletes its topic's ([MQTT-3.3.1-5], [MQTT-3.3.1-6]). `completion` is called
    /// once, on the writer's thread or the replica's: whether that is on disk.
    func put(
        _ message: Message,
        at time: Timestamp,
        completion: @escaping @Sendable (WriteOutcome) -> Void
    ) {
        underWay.add(1, ordering: .acquiringAndReleasing)
        writes.advance()
        if let replica {
            return replica.put(message, at: time) { [self] outcome in
                underWay.subtract(1, ordering: .acquiringAndReleasing)
                completion(outcome)
            }
        }
        let messages = messages
        let limits = limits
        let box = Box()
        shared.submit(weight: 3) { transaction throws(StoreError) in
            let result = try messages.put(message, limits: limits, now: time, in: transaction)
            box.outcome.withLock { $0 = result }
        } completion: { [self] result in
            underWay.subtract(1, ordering: .acquiringAndReleasing)
            switch result {
            case .failure: completion(.notStored)
            case .success:
                let isFull = box.outcome.withLock { $0 == .full }
                completion(isFull ? .full : .stored)
            }
        }
    }

    /// Calls `completion` when all that was submitted before is on disk, or could not be written.
    func wait(_ completion: @escaping @Sendable () -> Void) {
        if let replica { return replica.wait(completion) }
        shared.submit(weight: 0) { _ throws(StoreError) in
        } completion: { _ in
            completion()
        }
    }

    /// Deletes messages that have expired, in steps between other writes.
    func sweep(at time: Timestamp) {
        let messages = messages
        shared.submit(weight: Self.sweepStep) { transaction throws(StoreError) in
            _ = try messages.sweep(now: time, limit: Self.sweepStep, in: transaction)
        } completion: { _ in
        }
    }

    private static var sweepStep: Int { 256 }

    /// What the write says, which may run several times.
    private final class Box: Sendable {
        let outcome = Mutex(RetainedOutcome.full)
    }
}
