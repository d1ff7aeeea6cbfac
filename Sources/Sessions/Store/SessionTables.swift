import Bytes
import Storage
import Time

/// The tables of stored sessions.
struct SessionTables: Sendable {
    let sessions: Table<SessionName, SessionRecord>

    /// When a session is due, then whose.
    let dues: Table<KeyPair<Int64, SessionName>, EmptyRecord>

    /// By session, in the order of the sequences.
    let queues: Table<KeyPair<SessionNumber, UInt64>, QueueRecord>
    let received: Table<ReceivedKey, EmptyRecord>

    /// The messages below it have been sent.
    let marks: Table<SessionNumber, SequenceRecord>

    /// Sessions that are over, and of whose queues and identifiers some may be left.
    let removals: Table<SessionNumber, EmptyRecord>

    /// Under 0 the newest number that was given to a session, under 1 that of the store's life (`beginLife`), under 2 that of
    /// the first of which anything is kept for other nodes (`noteForwardsGone`).
    let numbers: Table<UInt32, SequenceRecord>

    /// Between the nodes of a cluster.
    let nodes: ForwardTables

    /// What of an ended session is deleted in the same transaction.
    static var deletedAtOnce: Int { 64 }

    init(in environment: Environment) throws(StoreError) {
        sessions = try Table("sessions", in: environment)
        dues = try Table("sessions-due", in: environment)
        queues = try Table("session-queues", in: environment)
        received = try Table("session-received", in: environment)
        marks = try Table("session-marks", in: environment)
        removals = try Table("session-removals", in: environment)
        numbers = try Table("session-numbers", in: environment)
        nodes = try ForwardTables(in: environment)
    }

    // MARK: Writing

    func write(
        _ change: SessionChange,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        switch change {
        case .put(let name, let record): try put(name, record, in: transaction)
        case .remove(let name, let number):
            guard let head = try head(of: name, in: transaction), head.number == number else {
                return
            }
            try sessions.delete(name, in: transaction)
            try leave(name, head, in: transaction)
            try discard(number, in: transaction)
        case .append(let number, let sequence, let content):
            try queues.put(KeyPair(number, sequence), .message(content), in: transaction)
        case .release(let number, let sequence):
            try queues.put(KeyPair(number, sequence), .released, in: transaction)
        case .delete(let number, let sequence):
            try queues.delete(KeyPair(number, sequence), in: transaction)
        case .sent(let number, let sequence):
            try marks.put(number, SequenceRecord(sequence), in: transaction)
        case .receive(let number, let packetID):
            try received.put(ReceivedKey(number, packetID), EmptyRecord(), in: transaction)
        case .complete(let number, let packetID):
            try received.delete(ReceivedKey(number, packetID), in: transaction)
        case .node(let change): try nodes.write(change, in: transaction)
        }
    }

    /// The number of a life of the store, which begins.
    func beginLife(in transaction: borrowing WriteTransaction) throws(StoreError) -> UInt64 {
        let life = (try numbers.get(1, in: transaction)?.value ?? 0) + 1
        try numbers.put(1, SequenceRecord(life), in: transaction)
        return life
    }

    /// Nothing is kept for other nodes: this life, in which nothing was yet, is the first of which anything will be.
    func noteForwardsGone(in transaction: borrowing WriteTransaction) throws(StoreError) {
        let life = try numbers.get(1, in: transaction)?.value ?? 0
        try numbers.put(2, SequenceRecord(life), in: transaction)
    }

    private func put(
        _ name: SessionName,
        _ record: SessionRecord,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        let old = try head(of: name, in: transaction)
        if let old, old.dueAt != record.dueAt { try leave(name, old, in: transaction) }
        try sessions.put(name, record, in: transaction)
        if let dueAt = record.dueAt, dueAt != old?.dueAt {
            try dues.put(KeyPair(dueAt.milliseconds, name), EmptyRecord(), in: transaction)
        }
        guard old?.number != record.number else { return }
        if let old { try discard(old.number, in: transaction) }
        if record.number > (try lastNumber(in: transaction)) {
            try numbers.put(0, SequenceRecord(record.number.rawValue), in: transaction)
        }
    }

    /// The session is not due any more at the time it was.
    private func leave(
        _ name: SessionName,
        _ head: SessionRecord.Head,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        guard let dueAt = head.dueAt else { return }
        try dues.delete(KeyPair(dueAt.milliseconds, name), in: transaction)
    }

    /// Deletes what a session had, or notes that it has to be deleted when it is much.
    private func discard(
        _ number: SessionNumber,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        let isAll = try sweep(number, limit: Self.deletedAtOnce, in: transaction)
        if !isAll { try removals.put(number, EmptyRecord(), in: transaction) }
    }

    /// Deletes at most `limit` records of sessions that are over.
    func sweepRemovals(
        limit: Int,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        guard let (number, _) = try removals.first(in: transaction) else { return }
        if try sweep(number, limit: limit, in: transaction) {
            try removals.delete(number, in: transaction)
        }
    }

    /// Deletes at most `limit` records of that session; answers whether that was all.
    private func sweep(
        _ number: SessionNumber,
        limit: Int,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Bool {
        let sequences = try queuedSequences(of: number, limit: limit, in: transaction)
        for sequence in sequences { try queues.delete(KeyPair(number, sequence), in: transaction) }
        let identifiers = try identifiers(
            of: number, limit: limit - sequences.count, in: transaction)
        for packetID in identifiers {
            try received.delete(ReceivedKey(number, packetID), in: transaction)
        }
        guard sequences.count + identifiers.count < limit else { return false }
        try marks.delete(number, in: transaction)
        return true
    }

    // MARK: Reading

    /// A session's number, and when it is due.
    func head(
        of name: SessionName,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> SessionRecord.Head? {
        try sessions.withRecord(name, in: transaction) { bytes throws(StoreError) in
            var reader = ByteReader(bytes)
            do throws(MalformedRecord) {
                return try SessionRecord.Head(taking: &reader)
            } catch {
                throw StoreError(error)
            }
        }
    }

    func lastNumber(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> SessionNumber {
        SessionNumber(try numbers.get(0, in: transaction)?.value ?? 0)
    }

    /// The whole session of that name.
    func session(
        _ name: SessionName,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> StoredSession? {
        guard let record = try sessions.get(name, in: transaction) else { return nil }
        return try session(of: record, in: transaction)
    }

    /// The session with that record, and all it has.
    func session(
        of record: SessionRecord,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> StoredSession {
        var queue: [(sequence: UInt64, record: QueueRecord)] = []
        try queues.forEach(in: transaction, prefix: record.number) { key, record in
            queue.append((key.second, record))
            return .proceed
        }
        return StoredSession(
            record: record,
            queue: queue,
            sentBelow: try marks.get(record.number, in: transaction)?.value ?? 0,
            received: ReceivedIdentifiers(
                try identifiers(of: record.number, limit: .max, in: transaction))
        )
    }

    private func queuedSequences(
        of number: SessionNumber,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [UInt64] {
        var sequences: [UInt64] = []
        try queues.scan(in: transaction, prefix: number, limit: limit) {
            (bytes, _) throws(StoreError) in
            var reader = ByteReader(bytes)
            guard let key = KeyPair<SessionNumber, UInt64>(decoding: &reader) else {
                throw .malformed(what: "key of a queued message")
            }
            sequences.append(key.second)
            return .proceed
        }
        return sequences
    }

    private func identifiers(
        of number: SessionNumber,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [UInt16] {
        var identifiers: [UInt16] = []
        try received.forEach(in: transaction, prefix: number, limit: limit) { key, _ in
            identifiers.append(key.packetID)
            return .proceed
        }
        return identifiers
    }
}
