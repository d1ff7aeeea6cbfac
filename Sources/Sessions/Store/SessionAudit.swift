import Bytes
import Storage
import Time

/// One reading of all tables of sessions that collects what does not agree.
struct SessionAudit {
    private let tables: SessionTables
    private let limit: Int
    private(set) var findings: [String] = []

    /// The numbers of all sessions, and of those that are being deleted.
    private var numbers: Set<SessionNumber> = []
    private var removed: Set<SessionNumber> = []

    /// The last session that had a queue and no record: one finding for all of it.
    private var lastOrphan: SessionNumber?

    init(_ tables: SessionTables, limit: Int) {
        self.tables = tables
        self.limit = limit
    }

    private mutating func find(_ finding: @autoclosure () -> String) {
        if findings.count < limit { findings.append(finding()) }
    }

    mutating func run(in transaction: borrowing some Transaction & ~Copyable) throws(StoreError) {
        let last = try tables.lastNumber(in: transaction)
        var audit = self
        try tables.removals.forEach(in: transaction) { number, _ in
            audit.removed.insert(number)
            return .proceed
        }
        try tables.sessions.scan(in: transaction) { (key, bytes) throws(StoreError) in
            try audit.checkSession(key, bytes, last, in: transaction)
            return .proceed
        }
        try tables.dues.scan(in: transaction) { (key, _) throws(StoreError) in
            try audit.checkDue(key, in: transaction)
            return .proceed
        }
        try tables.queues.scan(in: transaction) { key, bytes in
            audit.checkQueued(key, bytes)
            return .proceed
        }
        try tables.received.scan(in: transaction) { key, _ in
            audit.checkReceived(key)
            return .proceed
        }
        try tables.marks.scan(in: transaction) { key, bytes in
            audit.checkMark(key, bytes)
            return .proceed
        }
        try tables.nodes.forwards.scan(in: transaction) { key, bytes in
            audit.checkForward(key, bytes)
            return .proceed
        }
        try tables.nodes.filters.scan(in: transaction) { key, bytes in
            audit.checkFilter(key, bytes)
            return .proceed
        }
        try tables.nodes.taken.scan(in: transaction) { key, _ in
            audit.checkTaken(key)
            return .proceed
        }
        self = audit
    }

    private mutating func checkSession(
        _ key: Span<UInt8>,
        _ bytes: Span<UInt8>,
        _ last: SessionNumber,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var keyReader = ByteReader(key)
        guard let name = SessionName(decoding: &keyReader) else {
            return find("sessions: a name can't be read")
        }
        let record: SessionRecord
        do throws(MalformedRecord) {
            var reader = ByteReader(bytes)
            record = try SessionRecord(decoding: &reader)
        } catch {
            return find("session of \(name): \(StoreError(error))")
        }
        if record.number > last {
            find("session of \(name): \(record.number) was never given; the last is \(last)")
        }
        if removed.contains(record.number) {
            find("session of \(name): \(record.number) is being deleted")
        }
        if !numbers.insert(record.number).inserted {
            find("session of \(name): \(record.number) is another's too")
        }
        guard let dueAt = record.dueAt else { return }
        let key = KeyPair(dueAt.milliseconds, name)
        if !(try tables.dues.contains(key, in: transaction)) {
            find("session of \(name): is due at \(dueAt), which the index does not know")
        }
    }

    private mutating func checkDue(
        _ key: Span<UInt8>,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var reader = ByteReader(key)
        guard let key = KeyPair<Int64, SessionName>(decoding: &reader) else {
            return find("sessions: an entry of the index of due ones can't be read")
        }
        // One that can't be read has been found already.
        guard let head = try? tables.head(of: key.second, in: transaction) else {
            if !(try tables.sessions.contains(key.second, in: transaction)) {
                find("session of \(key.second): is in the index of due ones, and not there")
            }
            return
        }
        if head.dueAt?.milliseconds != key.first {
            let at = Timestamp(milliseconds: key.first)
            find("session of \(key.second): the index has it at \(at), where it is not due")
        }
    }

    private mutating func checkQueued(_ key: Span<UInt8>, _ bytes: Span<UInt8>) {
        var keyReader = ByteReader(key)
        guard let key = KeyPair<SessionNumber, UInt64>(decoding: &keyReader), keyReader.isAtEnd
        else { return find("sessions: the key of a queued message can't be read") }
        checkOwner(key.first, "messages are queued")
        check(bytes, as: QueueRecord.self, "message \(key.second) of \(key.first)")
    }

    private mutating func checkReceived(_ key: Span<UInt8>) {
        var reader = ByteReader(key)
        guard let key = ReceivedKey(decoding: &reader), reader.isAtEnd, key.packetID > 0 else {
            return find("sessions: a received packet identifier can't be read")
        }
        checkOwner(key.session, "packet identifiers are in use")
    }

    private mutating func checkMark(_ key: Span<UInt8>, _ bytes: Span<UInt8>) {
        var keyReader = ByteReader(key)
        guard let number = SessionNumber(decoding: &keyReader) else {
            return find("sessions: the key of a mark can't be read")
        }
        checkOwner(number, "messages were sent")
        check(bytes, as: SequenceRecord.self, "mark of \(number)")
    }

    private mutating func checkForward(_ key: Span<UInt8>, _ bytes: Span<UInt8>) {
        var keyReader = ByteReader(key)
        guard let key = KeyPair<String, ForwardNumber>(decoding: &keyReader), keyReader.isAtEnd
        else { return find("sessions: the key of a message for another node can't be read") }
        check(bytes, as: Forward.self, "\(key.second) to node \(key.first)")
    }

    private mutating func checkFilter(_ key: Span<UInt8>, _ bytes: Span<UInt8>) {
        var keyReader = ByteReader(key)
        guard let key = KeyTriple<String, ShardKey, UInt32>(decoding: &keyReader),
            keyReader.isAtEnd
        else { return find("sessions: the key of another node's filter can't be read") }
        check(bytes, as: FilterRecord.self, "filter \(key.third) of node \(key.first)")
    }

    private mutating func checkTaken(_ key: Span<UInt8>) {
        var reader = ByteReader(key)
        guard KeyTriple<String, ShardKey, ForwardNumber>(decoding: &reader) != nil, reader.isAtEnd
        else { return find("sessions: what was taken from another node can't be read") }
    }

    private mutating func check<Record: StorageRecord>(
        _ bytes: Span<UInt8>, as type: Record.Type, _ name: @autoclosure () -> String
    ) {
        do throws(MalformedRecord) {
            var reader = ByteReader(bytes)
            _ = try Record(decoding: &reader)
        } catch {
            find("\(name()): \(StoreError(error))")
        }
    }

    private mutating func checkOwner(_ number: SessionNumber, _ what: String) {
        guard !numbers.contains(number), !removed.contains(number), lastOrphan != number else {
            return
        }
        lastOrphan = number
        find("\(number): \(what), but there is no such session")
    }
}
