public import Bytes
import MQTT
public import Storage
public import Time

/// The newest retained message of each topic, on disk (3.3.1.3).
///
/// Nothing of it is in memory. Look-ups follow the filter's levels over the ordered topics and come in
/// bounded pages, so that a start, a SUBSCRIBE and a turn of a shard cost the same with a thousand
/// retained messages and with a million.
public struct RetainedMessages: Sendable {
    /// When a message is over, and where it is.
    typealias ExpiryKey = KeyPair<Int64, RetainedKey>

    let messages: Table<RetainedKey, RetainedBytes>
    let expiries: Table<ExpiryKey, EmptyRecord>
    let sums: Table<UInt32, RetainedTotals>
    let marks: Table<UInt32, RetainedMark>

    /// The one record of `sums`.
    static var sumsKey: UInt32 { 0 }

    /// The one record of `marks`, in the store of a node of a cluster.
    static var marksKey: UInt32 { 0 }

    /// Opens the tables, four of them.
    public init(in environment: Environment) throws(StoreError) {
        messages = try Table("retained", in: environment)
        expiries = try Table("retained-expiry", in: environment)
        sums = try Table("retained-totals", in: environment)
        marks = try Table("retained-mark", in: environment)
    }

    /// How much is retained, messages that are over but not swept yet among it.
    public func totals(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> RetainedTotals {
        try sums.get(Self.sumsKey, in: transaction) ?? RetainedTotals()
    }

    /// Retains a message in place of its topic's earlier one ([MQTT-3.3.1-5]); one without a payload
    /// deletes that, and is not retained itself ([MQTT-3.3.1-6], [MQTT-3.3.1-7]).
    public func put(
        _ message: Message,
        limits: RetainedLimits,
        now: Timestamp,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> RetainedOutcome {
        let topic = message.topic
        let isOver = message.expiresAt.map { $0 <= now } ?? false
        if message.payload.isEmpty || isOver {
            return try delete(topic.span, in: transaction) ? .deleted : .absent
        }
        if let outcome = try store(message, limits, in: transaction) { return outcome }
        // What is over makes room.
        let swept = try sweep(now: now, limit: 64, in: transaction)
        return swept > 0 ? try store(message, limits, in: transaction) ?? .full : .full
    }

    /// `nil` when there is no room.
    private func store(
        _ message: Message,
        _ limits: RetainedLimits,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> RetainedOutcome? {
        let topic = message.topic
        let (key, earlier) = try find(topic.span, in: transaction)
        var totals = try totals(in: transaction)
        if let earlier { totals.take(earlier.byteCount) }
        totals.add(message.byteCount)
        guard limits.allow(totals) else { return nil }
        if let earlier { try forgetExpiry(of: key, earlier, in: transaction) }
        let record = RetainedBytes(message, isCut: key.isCut)
        try messages.put(key, record, in: transaction)
        if let expiresAt = message.expiresAt {
            let expiry = ExpiryKey(expiresAt.milliseconds, key)
            try expiries.put(expiry, EmptyRecord(), in: transaction)
        }
        try sums.put(Self.sumsKey, totals, in: transaction)
        return earlier == nil ? .stored : .replaced
    }

    /// Deletes the topic's message; whether there was one.
    @discardableResult
    public func delete(
        _ topic: Span<UInt8>,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Bool {
        let (key, held) = try find(topic, in: transaction)
        guard let held else { return false }
        try delete(key, held, in: transaction)
        return true
    }

    private func delete(
        _ key: RetainedKey,
        _ held: HeldMessage,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        try forgetExpiry(of: key, held, in: transaction)
        try messages.delete(key, in: transaction)
        var totals = try totals(in: transaction)
        totals.take(held.byteCount)
        try sums.put(Self.sumsKey, totals, in: transaction)
    }

    private func forgetExpiry(
        of key: RetainedKey,
        _ held: HeldMessage,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        guard let expiresAt = held.expiresAt else { return }
        try expiries.delete(ExpiryKey(expiresAt.milliseconds, key), in: transaction)
    }

    /// Deletes messages that are over, the oldest first, at most `limit`; answers how many. There may
    /// be more when that is `limit`.
    public func sweep(
        now: Timestamp,
        limit: Int,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Int {
        var due: [ExpiryKey] = []
        try expiries.forEach(in: transaction, limit: limit) { key, _ in
            if key.first > now.milliseconds { return .stop }
            due.append(key)
            return .proceed
        }
        for expiry in due {
            if let held = try held(at: expiry.second, in: transaction) {
                try delete(expiry.second, held, in: transaction)
            }
            // Gone with its message, but for an entry without one.
            try expiries.delete(expiry, in: transaction)
        }
        return due.count
    }

    // MARK: Places

    private func held(
        at key: RetainedKey,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> HeldMessage? {
        try messages.withRecord(key, in: transaction) { bytes throws(StoreError) in
            HeldMessage(try RetainedRecord(bytes), at: key)
        }
    }

    /// Where the topic's message is or would be, and what is there. A topic that does not fit into a
    /// key has the first free number behind its hash.
    func find(
        _ topic: Span<UInt8>,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> (key: RetainedKey, held: HeldMessage?) {
        let key = RetainedKey(topic)
        guard key.isCut else { return (key, try held(at: key, in: transaction)) }
        var free: UInt32 = 0
        var found: (key: RetainedKey, held: HeldMessage)?
        try messages.scan(in: transaction, prefix: key) { (bytes, record) throws(StoreError) in
            let record = try RetainedRecord(record)
            let other = RetainedKey(bytes: bytes.bytesArray)
            if record.topic.isEqual(to: topic) {
                found = (other, HeldMessage(record, at: other))
                return .stop
            }
            if other.number == free { free += 1 }
            return .proceed
        }
        if let found { return (found.key, found.held) }
        return (key.numbered(free), nil)
    }
}

/// What has to be known of a message that is replaced or deleted.
struct HeldMessage {
    let byteCount: Int
    let expiresAt: Timestamp?

    init(_ record: borrowing RetainedRecord, at key: RetainedKey) {
        byteCount = record.byteCount(of: key)
        expiresAt = record.expiresAt
    }
}

/// What became of a message that was to be retained.
public enum RetainedOutcome: Sendable, Equatable {
    /// It is the first of its topic.
    case stored

    /// It has taken the place of the topic's earlier one ([MQTT-3.3.1-5]).
    case replaced

    /// The topic's message is gone, as this one has no payload ([MQTT-3.3.1-6]) or is over already.
    case deleted

    /// The same, but there was none.
    case absent

    /// No room: nothing has changed, and an earlier message of the topic is still there.
    case full
}

/// How much can be retained.
public struct RetainedLimits: Sendable {
    public let messages: Int

    /// Of topics, payloads and properties.
    public let bytes: Int

    public init(messages: Int, bytes: Int) {
        self.messages = messages
        self.bytes = bytes
    }

    func allow(_ totals: RetainedTotals) -> Bool {
        totals.messages <= messages && totals.bytes <= bytes
    }
}

/// How much is retained. Kept with the messages, so that a start does not count them.
public struct RetainedTotals: StorageRecord, Equatable, Sendable {
    public internal(set) var messages = 0

    /// Of topics, payloads and properties.
    public internal(set) var bytes = 0

    init() {}

    mutating func add(_ byteCount: Int) {
        messages += 1
        bytes += byteCount
    }

    /// Never below 0: a store that is damaged goes on, and `verify` says so.
    mutating func take(_ byteCount: Int) {
        messages = max(0, messages - 1)
        bytes = max(0, bytes - byteCount)
    }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.appendVarint(UInt64(messages))
        buffer.appendVarint(UInt64(bytes))
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        guard let messages = Int(exactly: try reader.takeVarint()),
            let bytes = Int(exactly: try reader.takeVarint())
        else { throw .malformed(what: "totals of retained messages") }
        self.messages = messages
        self.bytes = bytes
    }
}
