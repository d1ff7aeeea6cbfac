public import Storage
internal import Synchronization
public import Time

/// Retained messages with the environment's one writer: what all shards share.
///
/// Writes are confirmed when they are on disk, in the order of their submission. Look-ups see what is
/// committed: a reader that must not miss a message that was put before asks `hasWritesUnderWay`, and if so,
/// looks after `afterWrites` has called.
public final class RetainedStore: Sendable {
    private let shared: SharedEnvironment
    private let messages: RetainedMessages
    private let limits: RetainedLimits
    private let writesUnderWay = Atomic(0)

    /// What a step of sweeping deletes at most.
    private static var sweepStep: Int { 512 }

    /// Opens the tables; takes no longer with a million messages than with none.
    public init(in shared: SharedEnvironment, limits: RetainedLimits) throws(StoreError) {
        messages = try RetainedMessages(in: shared.environment)
        self.shared = shared
        self.limits = limits
    }

    /// Whether a message was put whose commit is still to come.
    public var hasWritesUnderWay: Bool { writesUnderWay.load(ordering: .acquiring) > 0 }

    /// Queues a message with RETAIN 1, or the deletion of its topic's. `completion` is called once, on
    /// the writer's thread, when that is on disk, or could not be written; or at once, on this thread,
    /// with `.queueFull` or `.shutDown`. It should only pass the result on.
    public func put(
        _ message: Message,
        now: Timestamp,
        completion: @escaping @Sendable (Result<RetainedOutcome, StoreError>) -> Void
    ) {
        let (messages, limits) = (messages, limits)
        // A batch that failed is written again: the last time counts.
        let answer = Answer()
        writesUnderWay.add(1, ordering: .relaxed)
        shared.submit(weight: 4) { transaction throws(StoreError) in
            answer.set(try messages.put(message, limits: limits, now: now, in: transaction))
        } completion: { [self] result in
            writesUnderWay.subtract(1, ordering: .releasing)
            completion(result.map { answer.outcome })
        }
    }

    /// Calls back when everything that was put before is on disk, or was refused.
    public func afterWrites(_ completion: @escaping @Sendable () -> Void) {
        shared.submit(weight: 1) { _ in
        } completion: { _ in
            completion()
        }
    }

    /// Queues the deletion of messages that are over, one bounded step. `completion` is called on the
    /// writer's thread, and says whether another step may find more.
    public func sweep(
        now: Timestamp,
        completion: @escaping @Sendable (_ mayBeMore: Bool) -> Void
    ) {
        let messages = messages
        let answer = Answer()
        shared.submit(weight: 3 * Self.sweepStep) { transaction throws(StoreError) in
            let count = try messages.sweep(now: now, limit: Self.sweepStep, in: transaction)
            answer.set(count: count)
        } completion: { result in
            if case .success = result {
                completion(answer.count == Self.sweepStep)
            } else {
                completion(false)
            }
        }
    }

    /// A reader for one thread. It takes one of the environment's `maximumReaders`.
    public func reader() throws(StoreError) -> RetainedReader {
        RetainedReader(try CachedReader(shared.environment), messages)
    }

    /// How much is retained; at the cost of a look-up.
    public func totals() throws(StoreError) -> RetainedTotals {
        let messages = messages
        return try shared.environment.read { transaction throws(StoreError) in
            try messages.totals(in: transaction)
        }
    }

    /// Whether every record can be read, and the tables agree with each other: sentences that name what
    /// is wrong, at most `limit`. Reads all of it.
    public func verify(limit: Int = 100) throws(StoreError) -> [String] {
        let messages = messages
        return try shared.environment.read { transaction throws(StoreError) in
            try messages.verify(limit: limit, in: transaction)
        }
    }
}

/// The result of a write, from its transaction to its completion on the same thread.
private final class Answer: Sendable {
    private let held = Mutex<(outcome: RetainedOutcome, count: Int)>((.absent, 0))

    var outcome: RetainedOutcome { held.withLock { $0.outcome } }
    var count: Int { held.withLock { $0.count } }

    func set(_ outcome: RetainedOutcome) { held.withLock { $0.outcome = outcome } }
    func set(count: Int) { held.withLock { $0.count = count } }
}

/// One thread's way to look retained messages up: a cached transaction. It sees what is committed.
public struct RetainedReader: ~Copyable {
    private var reader: CachedReader
    private let messages: RetainedMessages

    init(_ reader: consuming CachedReader, _ messages: RetainedMessages) {
        self.reader = reader
        self.messages = messages
    }

    /// Some of the messages whose topics match; see `RetainedMessages.page`.
    ///
    /// - Parameters:
    ///   - filter: valid, without `$share/{name}/`.
    ///   - start: where an earlier page ended.
    public mutating func page(
        matching filter: Span<UInt8>,
        from start: RetainedCursor? = nil,
        limits: RetainedPageLimits,
        now: Timestamp
    ) throws(StoreError) -> RetainedPage {
        let messages = messages
        return try reader.withTransaction { transaction throws(StoreError) in
            try messages.page(
                matching: filter, from: start, limits: limits, now: now, in: transaction)
        }
    }
}
