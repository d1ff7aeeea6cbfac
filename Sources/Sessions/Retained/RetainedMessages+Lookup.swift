import Bytes
import MQTT
public import Storage
public import Time

/// What a SUBSCRIBE gets.
extension RetainedMessages {
    /// The topic's message, unless it is over.
    public func message(
        of topic: Span<UInt8>,
        now: Timestamp,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Message? {
        let (key, held) = try find(topic, in: transaction)
        guard held != nil else { return nil }
        let name = topic.bytesArray
        let found = try messages.withRecord(key, in: transaction) {
            (bytes) throws(StoreError) -> Message? in
            let record = try RetainedRecord(bytes)
            return record.isOver(at: now) ? nil : record.message(topic: name)
        }
        return found ?? nil
    }

    /// Messages whose topics match a filter, in the order of their topics' levels, those that are
    /// over left out ([MQTT-3.3.2-5]); topics that begin with `$` are not matched by a wildcard at
    /// the start ([MQTT-4.7.2-1]).
    ///
    /// - Parameters:
    ///   - filter: valid, without `$share/{name}/`.
    ///   - start: where an earlier page ended.
    public func page(
        matching filter: Span<UInt8>,
        from start: RetainedCursor? = nil,
        limits: RetainedPageLimits,
        now: Timestamp,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> RetainedPage {
        guard filter.hasWildcard else {
            let message = try message(of: filter, now: now, in: transaction)
            return RetainedPage(messages: message.map { [$0] } ?? [])
        }
        let walk = RetainedWalk(filter)
        var first = KeyWriter()
        if let start { first.append(start.start.span) } else { walk.begin(&first) }
        var page = RetainedPage()
        var room = limits.bytes
        var steps = 0
        try messages.leap(in: transaction, from: first.span) {
            (key, bytes, target) throws(StoreError) in
            steps += 1
            if steps > limits.steps || page.messages.count == limits.messages {
                page.next = RetainedCursor(start: key.bytesArray)
                return .stop
            }
            let step = walk.judge(key, &target)
            switch step {
            case .end: return .stop
            case .leap: return .toTarget
            case .next: return .next
            case .match, .readTopic: break
            }
            let record = try RetainedRecord(bytes)
            let name = RetainedKey(bytes: key.bytesArray)
            let topic = name.isCut ? record.topic.bytesArray : name.topic
            guard !record.isOver(at: now),
                step == .match || TopicFilter.matches(filter: filter, topic: topic.span)
            else { return .next }
            let size = record.byteCount(of: name)
            if size > room, !page.messages.isEmpty {
                page.next = RetainedCursor(start: key.bytesArray)
                return .stop
            }
            room -= size
            page.messages.append(record.message(topic: topic))
            return .next
        }
        return page
    }
}

extension Span<UInt8> {
    fileprivate var hasWildcard: Bool {
        for index in indices
        where self[index] == UInt8(ascii: "+") || self[index] == UInt8(ascii: "#") { return true }
        return false
    }
}
