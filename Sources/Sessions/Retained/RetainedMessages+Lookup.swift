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

/// Some of the retained messages that match a filter.
public struct RetainedPage: Sendable {
    public internal(set) var messages: [Message] = []

    /// Where to go on; `nil` when there are no more. May be there when `messages` is empty.
    public internal(set) var next: RetainedCursor?
}

/// A place among the retained topics, good for the filter that it was given for, whatever is
/// retained or deleted meanwhile.
public struct RetainedCursor: Sendable, Equatable {
    /// The least key that has not been looked at.
    let start: [UInt8]
}

/// How much one page does at most.
public struct RetainedPageLimits: Sendable {
    public let messages: Int

    /// Of topics, payloads and properties; a page's first message may be larger.
    public let bytes: Int

    /// Keys that are looked at, whether they match or not: one takes about a microsecond.
    public let steps: Int

    public init(messages: Int, bytes: Int, steps: Int) {
        precondition(messages > 0 && bytes > 0 && steps > 0, "a page without a message")
        self.messages = messages
        self.bytes = bytes
        self.steps = steps
    }
}

/// The way of one filter through retained topics in their keys' order: which match, and from one that
/// does not, the first one that might. So a filter with literal levels never reads all topics.
///
/// `a/+/c` reads one or two keys for each topic level below `a`, and none of what lies beside or
/// below `c`.
struct RetainedWalk: ~Escapable {
    private let filter: Span<UInt8>

    /// What is to be done at a key.
    enum Step {
        /// It matches; the next key may too.
        case match

        /// The key has too little of its topic to know: the record has it.
        case readTopic

        /// No key before the target matches.
        case leap

        case next

        /// No key from this one on matches.
        case end
    }

    /// - Parameter filter: valid, without `$share/{name}/`.
    @_lifetime(copy filter)
    init(_ filter: Span<UInt8>) { self.filter = filter }

    /// Writes where the first topic could be.
    func begin(_ target: inout KeyWriter) { appendLiterals(from: 0, to: &target) }

    /// Judges a key; `.leap` writes a target that is behind the key.
    func judge(_ key: Span<UInt8>, _ target: inout KeyWriter) -> Step {
        let isCut = key.count > RetainedKey.topicCount
        let topic = isCut ? key.extracting(0..<RetainedKey.topicCount) : key
        let step = compare(topic, isCut: isCut, &target)
        // A target that does not fit is cut as the keys are, and may not be behind this one.
        guard step == .leap, !Self.isBehind(target.span, topic) else { return step }
        return .next
    }

    private func compare(
        _ topic: Span<UInt8>,
        isCut: Bool,
        _ target: inout KeyWriter
    ) -> Step {
        var inTopic = 0
        var inFilter = 0
        // Where the deepest level ends that a `+` stands for.
        var wildcardEnd = -1
        while true {
            let filterEnd = Self.end(of: filter, from: inFilter, UInt8(ascii: "/"))
            let level = filter.extracting(inFilter..<filterEnd)
            let topicEnd = Self.end(of: topic, from: inTopic, RetainedKey.separator)
            let isOpen = isCut && topicEnd == topic.count
            let isRest = level.isSingleByte(UInt8(ascii: "#"))
            if isRest || level.isSingleByte(UInt8(ascii: "+")) {
                // [MQTT-4.7.2-1]: on to what is behind the topics that begin with $.
                if inFilter == 0, topic[0] == UInt8(ascii: "$") {
                    target.append(UInt8(ascii: "$") + 1)
                    return .leap
                }
                if isRest { return .match }
                if isOpen { return .readTopic }
                wildcardEnd = topicEnd
            } else {
                let given = topic.extracting(inTopic..<topicEnd)
                if isOpen && level.hasPrefix(given) { return .readTopic }
                let order = Self.order(given, level)
                if order > 0 { return leapPast(topic, wildcardEnd, &target) }
                if order < 0 {
                    Self.append(topic.extracting(0..<inTopic), to: &target)
                    appendLiterals(from: inFilter, to: &target)
                    return .leap
                }
            }
            let isFilterOver = filterEnd == filter.count
            if topicEnd == topic.count {
                if isFilterOver || restMatches(from: filterEnd + 1) { return .match }
                Self.append(topic, to: &target)
                Self.append(RetainedKey.separator, to: &target)
                appendLiterals(from: filterEnd + 1, to: &target)
                return .leap
            }
            if isFilterOver { return leapPast(topic, wildcardEnd, &target) }
            inTopic = topicEnd + 1
            inFilter = filterEnd + 1
        }
    }

    /// Behind everything that has the same beginning up to the level of the deepest `+`.
    private func leapPast(
        _ topic: Span<UInt8>,
        _ wildcardEnd: Int,
        _ target: inout KeyWriter
    ) -> Step {
        if wildcardEnd < 0 { return .end }
        Self.append(topic.extracting(0..<wildcardEnd), to: &target)
        Self.append(RetainedKey.separator + 1, to: &target)
        return .leap
    }

    /// Whether what is left of the filter is `#`, which the parent matches too (4.7.1.2).
    private func restMatches(from offset: Int) -> Bool {
        offset + 1 == filter.count && filter[offset] == UInt8(ascii: "#")
    }

    /// Writes the filter's levels from `offset` on, up to the first wildcard.
    private func appendLiterals(from offset: Int, to target: inout KeyWriter) {
        var end = offset
        while end < filter.count, filter[end] != UInt8(ascii: "+"), filter[end] != UInt8(ascii: "#")
        {
            end += 1
        }
        // The parent of `#` matches, and has no separator behind it.
        let isRest = end < filter.count && filter[end] == UInt8(ascii: "#")
        if isRest && end > offset { end -= 1 }
        for index in offset..<end { Self.append(RetainedKey.keyByte(filter[index]), to: &target) }
    }

    // MARK: Bytes

    private static func end(of bytes: Span<UInt8>, from start: Int, _ separator: UInt8) -> Int {
        var end = start
        while end < bytes.count, bytes[end] != separator { end += 1 }
        return end
    }

    /// No more than a key has of a topic.
    private static func append(_ byte: UInt8, to target: inout KeyWriter) {
        if target.count < RetainedKey.topicCount { target.append(byte) }
    }

    private static func append(_ bytes: Span<UInt8>, to target: inout KeyWriter) {
        for index in bytes.indices { append(bytes[index], to: &target) }
    }

    /// Negative, zero or positive, as keys order.
    private static func order(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Int {
        for index in 0..<min(left.count, right.count) where left[index] != right[index] {
            return Int(left[index]) - Int(right[index])
        }
        return left.count - right.count
    }

    private static func isBehind(_ target: Span<UInt8>, _ key: Span<UInt8>) -> Bool {
        order(target, key) > 0
    }
}
