public import Storage
internal import Synchronization

/// The sessions that outlive their connections, on disk: subscriptions, queues, received QoS 2
/// identifiers, wills (4.1).
///
/// Each session has one owner, a thread that submits its changes in order and reads it with a
/// `SessionReader` of its own. Writes go through the environment's one writer, and are confirmed when
/// they are on disk. Opening takes no longer with a million sessions than with none.
public final class SessionStore: Sendable {
    private let shared: SharedEnvironment
    private let tables: SessionTables
    private let lastNumber: Atomic<UInt64>

    /// A step of the deleting of ended sessions is on its way.
    private let isSweeping = Atomic(false)

    /// What a step deletes at most.
    private static var sweepStep: Int { 512 }

    public init(in shared: SharedEnvironment) throws(StoreError) {
        let tables = try SessionTables(in: shared.environment)
        let last = try shared.environment.read { transaction throws(StoreError) in
            try tables.lastNumber(in: transaction)
        }
        self.shared = shared
        self.tables = tables
        lastNumber = Atomic(last.rawValue)
    }

    /// A number for a session that begins; no other has it, or will.
    public func newNumber() -> SessionNumber {
        SessionNumber(lastNumber.add(1, ordering: .relaxed).newValue)
    }

    /// Queues changes, which are written together or not at all. `completion` is called once, on the
    /// writer's thread, when they are on disk, or could not be written; or at once, on this thread, with
    /// `.queueFull` or `.shutDown`. It should only pass the result on.
    public func submit(
        _ changes: [SessionChange],
        completion: @escaping @Sendable (Result<Void, StoreError>) -> Void
    ) {
        let tables = tables
        let mayLeaveWork = changes.contains(where: \.mayEndSession)
        shared.submit(weight: changes.count) { transaction throws(StoreError) in
            for change in changes { try tables.write(change, in: transaction) }
        } completion: { [self] result in
            completion(result)
            if mayLeaveWork, case .success = result { sweepRemovals() }
        }
    }

    /// Goes on deleting what an earlier process has left of sessions that were over; once, after opening.
    /// It goes in steps, between other writes.
    public func sweepRemovals() {
        let tables = tables
        let hasWork = try? shared.environment.read { transaction throws(StoreError) in
            try tables.removals.count(in: transaction) > 0
        }
        guard hasWork == true, !isSweeping.exchange(true, ordering: .relaxed) else { return }
        shared.submit(weight: Self.sweepStep) { transaction throws(StoreError) in
            try tables.sweepRemovals(limit: Self.sweepStep, in: transaction)
        } completion: { [self] result in
            isSweeping.store(false, ordering: .relaxed)
            if case .success = result { sweepRemovals() }
        }
    }

    /// A reader for one thread. It takes one of the environment's `maximumReaders`.
    public func reader() throws(StoreError) -> SessionReader {
        SessionReader(try CachedReader(shared.environment), tables)
    }

    /// Calls `body` with each session of an application or an anonymous client: those whose filters are
    /// needed before their clients come. Passes the devices' sessions without reading them. One snapshot:
    /// for the start.
    public func forEachApplication(
        _ body: (SessionName, SessionRecord) throws(StoreError) -> Iteration
    ) throws(StoreError) {
        let tables = tables
        try shared.environment.read { transaction throws(StoreError) in
            try tables.sessions.forEach(
                in: transaction, from: .including(.first(of: .application)), body)
        }
    }

    /// Whether every record can be read, and the tables agree with each other: sentences that name what
    /// is wrong, at most `limit`. Reads the whole store, and remembers the number of every session.
    public func verify(limit: Int = 100) throws(StoreError) -> [String] {
        let tables = tables
        return try shared.environment.read { transaction throws(StoreError) in
            var audit = SessionAudit(tables, limit: limit)
            try audit.run(in: transaction)
            return audit.findings
        }
    }

    public func figures() throws(StoreError) -> SessionFigures {
        let tables = tables
        return try shared.environment.read { transaction throws(StoreError) in
            SessionFigures(
                sessions: try tables.sessions.count(in: transaction),
                queuedMessages: try tables.queues.count(in: transaction),
                receivedIdentifiers: try tables.received.count(in: transaction),
                removals: try tables.removals.count(in: transaction)
            )
        }
    }
}
