internal import Bytes
public import Storage
internal import Synchronization
public import Time

/// The sessions that outlive their connections, on disk: subscriptions, queues, received QoS 2
/// identifiers, wills (4.1).
///
/// Each session has one owner, a thread that submits its changes in order and reads it with a
/// `SessionReader` of its own. Writes go through the environment's one writer, and are confirmed when
/// they are on disk. Opening takes no longer with a million sessions than with none.
public final class SessionStore: Sendable {
    let shared: SharedEnvironment
    let tables: SessionTables
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

    /// Calls `body` with the name of every session, and the number of the claim by which the node has it. One snapshot:
    /// for the start.
    public func forEachClaim(
        _ body: (SessionName, UInt64) throws(StoreError) -> Void
    ) throws(StoreError) {
        let tables = tables
        try shared.environment.read { transaction throws(StoreError) in
            try tables.sessions.scan(in: transaction) { (key, record) throws(StoreError) in
                var reader = ByteReader(key)
                guard let name = SessionName(decoding: &reader) else {
                    throw .malformed(what: "name of a session")
                }
                let claim: UInt64
                do throws(MalformedRecord) {
                    reader = ByteReader(record)
                    claim = try SessionRecord.Head(taking: &reader).claim
                } catch {
                    throw StoreError(error)
                }
                try body(name, claim)
                return .proceed
            }
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
                removals: try tables.removals.count(in: transaction),
                forwards: try tables.nodes.forwards.count(in: transaction)
            )
        }
    }
}

/// One step of a stored session, as its owner writes it.
///
/// The changes of one session are submitted in their order, by one thread.
public enum SessionChange: Equatable, Sendable {
    /// The session is as the record says. In place of one with another number, that one and all it has
    /// are discarded.
    case put(SessionName, SessionRecord)

    /// The session of that number is over, with its queue and its received identifiers; nothing when the
    /// name has another one.
    case remove(SessionName, SessionNumber)

    /// A message is in the queue.
    case append(SessionNumber, sequence: UInt64, QueuedMessage)

    /// A QoS 2 message's PUBREC has come: from here on it is only its PUBREL that is sent.
    case release(SessionNumber, sequence: UInt64)

    /// A message has left the queue: acknowledged, completed, expired, or for another member of its group.
    case delete(SessionNumber, sequence: UInt64)

    /// All messages below this sequence have been sent, and counted against the client's allowance:
    /// loaded again, they are sent with DUP, and not counted. Grows only.
    case sent(SessionNumber, below: UInt64)

    /// A QoS 2 message was taken from the client: its packet identifier is in use until `complete`.
    case receive(SessionNumber, packetID: UInt16)

    /// Its PUBREL has come.
    case complete(SessionNumber, packetID: UInt16)

    /// Something of another node of the cluster.
    case node(ForwardChange)
}

extension SessionChange {
    /// Whether records of an ended session may be left after it.
    var mayEndSession: Bool {
        switch self {
        case .put, .remove: true
        case .append, .release, .delete, .sent, .receive, .complete, .node: false
        }
    }
}

/// One thread's way to read stored sessions: a cached transaction.
///
/// It sees what is committed. So a session is loaded by its owner, when that has no change of it
/// under way.
public struct SessionReader: ~Copyable {
    var reader: CachedReader
    let tables: SessionTables

    init(_ reader: consuming CachedReader, _ tables: SessionTables) {
        self.reader = reader
        self.tables = tables
    }

    /// The session of that name, without its queue; `nil` when there is none.
    public mutating func record(of name: SessionName) throws(StoreError) -> SessionRecord? {
        let tables = tables
        return try reader.withTransaction { transaction throws(StoreError) in
            try tables.sessions.get(name, in: transaction)
        }
    }

    /// The session of that name with all it has; `nil` when there is none.
    public mutating func session(_ name: SessionName) throws(StoreError) -> StoredSession? {
        let tables = tables
        return try reader.withTransaction { transaction throws(StoreError) in
            try tables.session(name, in: transaction)
        }
    }

    /// The sessions due at `time` or before, the one due longest first, at most `limit`.
    ///
    /// Its owner loads the record, does what is due, and puts or removes it, after which
    /// it is not due any more.
    /// - Parameter last: the last of the page before, for the next one.
    public mutating func due(
        at time: Timestamp,
        after last: DueSession? = nil,
        limit: Int
    ) throws(StoreError) -> [DueSession] {
        let tables = tables
        return try reader.withTransaction { transaction throws(StoreError) in
            var found: [DueSession] = []
            try tables.dues.forEach(
                in: transaction,
                from: last.map { .excluding(KeyPair($0.at.milliseconds, $0.name)) } ?? .unbounded,
                limit: limit
            ) { key, _ in
                let at = Timestamp(milliseconds: key.first)
                if at > time { return .stop }
                found.append(DueSession(at: at, name: key.second))
                return .proceed
            }
            return found
        }
    }
}

/// A session as the store has it, whole.
public struct StoredSession: Equatable, Sendable {
    public let record: SessionRecord

    /// The queue, in order of the sequences.
    var queue: [(sequence: UInt64, record: QueueRecord)]

    /// The messages below it have been sent and counted, and ones from it on have not, unless the
    /// session was connected when its process ended.
    public let sentBelow: UInt64

    /// What was taken of QoS 2 from the client, and awaits its PUBREL.
    public let received: ReceivedIdentifiers

    /// How many messages the queue has.
    public var queueCount: Int { queue.count }

    public static func == (left: Self, right: Self) -> Bool {
        left.record == right.record && left.sentBelow == right.sentBelow
            && left.received == right.received && left.queue.count == right.queue.count
            && zip(left.queue, right.queue).allSatisfy { $0 == $1 }
    }
}

/// A session whose will or expiry is due, and since when.
public struct DueSession: Hashable, Sendable {
    public let at: Timestamp
    public let name: SessionName

    public init(at: Timestamp, name: SessionName) {
        self.at = at
        self.name = name
    }
}

/// How much the store has of sessions; figures that LMDB keeps.
public struct SessionFigures: Hashable, Sendable {
    /// Sessions that are connected, or wait for their client.
    public let sessions: Int

    /// Messages in all their queues, those of sessions that are being deleted among them.
    public let queuedMessages: Int

    /// QoS 2 messages that were taken and await their PUBREL.
    public let receivedIdentifiers: Int

    /// Sessions that are over, and of which something is left to be deleted.
    public let removals: Int

    /// Messages on their way to other nodes of the cluster.
    public let forwards: Int
}
