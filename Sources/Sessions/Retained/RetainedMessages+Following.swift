import Bytes
public import Storage
import Time

/// What a node of a cluster does with the messages that its cluster has retained.
extension RetainedMessages {
    /// How far they were followed; `nil` when they never were.
    public func mark(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> RetainedMark? {
        try marks.get(Self.marksKey, in: transaction)
    }

    public func set(
        _ mark: RetainedMark,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        try marks.put(Self.marksKey, mark, in: transaction)
    }

    /// Retains what the cluster has retained, or deletes it: whatever the limits are, and the clock says.
    public func follow(
        _ message: Message,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        let unlimited = RetainedLimits(messages: .max, bytes: .max)
        _ = try put(
            message, limits: unlimited, now: Timestamp(milliseconds: .min), in: transaction)
    }

    /// Whether a message would be within the limits, or takes nothing.
    public func hasRoom(
        for message: Message,
        limits: RetainedLimits,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Bool {
        if message.payload.isEmpty { return true }
        let topic = message.topic
        var totals = try totals(in: transaction)
        if let earlier = try find(topic.span, in: transaction).held {
            totals.take(earlier.byteCount)
        }
        totals.add(message.byteCount)
        return limits.allow(totals)
    }

    /// At most so many messages in the order of their keys, those that are over among them, and where to go on.
    public func messages(
        from start: RetainedCursor?,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> RetainedPage {
        var page = RetainedPage()
        let bound: KeyBound<RetainedKey> =
            start.map { .including(RetainedKey(bytes: $0.start)) } ?? .unbounded
        try messages.scan(in: transaction, from: bound) { (key, bytes) throws(StoreError) in
            if page.messages.count == limit {
                page.next = RetainedCursor(start: key.bytesArray)
                return .stop
            }
            let name = RetainedKey(bytes: key.bytesArray)
            let record = try RetainedRecord(bytes)
            let topic = name.isCut ? record.topic.bytesArray : name.topic
            page.messages.append(record.message(topic: topic))
            return .proceed
        }
        return page
    }
}
