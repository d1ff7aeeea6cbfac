public import Time

/// One session's QoS 1 and 2 messages towards its client, in order: those that wait, and those that
/// were sent and are not acknowledged.
///
/// A message has a sequence, which grows by one with each, and its packet identifier follows from it:
/// `1 + sequence % 65,535`. The span from the oldest message not yet acknowledged to the newest sent
/// stays below 65,535, so no two under way have the same one ([MQTT-2.2.1-4]), and one that is sent
/// again after a crash has the one it had ([MQTT-4.4.0-1]).
///
/// At most `limit` messages are under way, both QoS, a QoS 2 message until its PUBCOMP
/// ([MQTT-3.3.4-9], 4.9). Pure state: its owner sends packets, writes to the store and counts units.
/// Its verbs take constant time, amortised; an empty queue owns no memory.
///
/// A message of a stored session:
///
///     append(isStored: false) ─ stored ─ next, didSend ─ acknowledge            (QoS 1)
///                                                      └ receive ─ release ─ complete   (QoS 2)
///
/// `stored` and `release` are called when the store has confirmed what was written. In a session that
/// is only in memory `append(isStored: true)`, and `release` follows `receive` at once.
public struct DeliveryQueue: Sendable {
    enum State: UInt8 {
        /// Being written; not to be sent yet, nor anything behind it.
        case storing
        case waiting
        /// PUBLISH is with the client's connection.
        case sent
        /// PUBREC has come, and that is being written; PUBREL follows.
        case received
        /// PUBREL may be sent, or has been.
        case released
        /// Acknowledged, expired or dropped.
        case done
    }

    struct Entry {
        let sequence: UInt64
        let isExactlyOnce: Bool

        /// Nil when it need not be sent again.
        var content: QueuedMessage?
        var state: State
        var isDuplicate = false
        var isCharged = false
    }

    /// From the oldest message not acknowledged to the newest sent, at most.
    static var maximumSpan: UInt64 { 65_534 }

    /// Ordered by sequence; `entries[..<head]` have been done with, and `entries[head]` is not done.
    var entries: [Entry] = []
    var head = 0

    /// All entries before it have been sent on this connection, or are done.
    var cursor = 0

    /// From `head` on.
    var doneCount = 0

    /// The sequence that the next message gets.
    public internal(set) var nextSequence: UInt64 = 0

    /// Messages whose content is kept, and its bytes: what `QueueLimits` are about.
    public internal(set) var keptCount = 0
    public internal(set) var keptBytes = 0

    /// Messages under way to the client on this connection: they take up its Receive Maximum.
    public internal(set) var inFlightCount = 0

    /// What those that were never sent will count against an allowance.
    public internal(set) var uncoveredUnits: UInt64 = 0

    /// How many of those kept, and never sent, have an end.
    var expiringCount = 0

    /// Whether sent messages are kept, to be sent again on a later connection.
    public let keepsSent: Bool

    /// The client's Receive Maximum ([MQTT-3.3.4-9]).
    public private(set) var limit: UInt16

    /// An empty queue. `keepsSent`: for a session that outlives its connection.
    public init(keepsSent: Bool, limit: UInt16) {
        precondition(limit > 0, "a Receive Maximum of 0 (3.1.2.11.3)")
        self.keepsSent = keepsSent
        self.limit = limit
    }

    /// The packet identifier of a message: never 0 ([MQTT-2.2.1-4]).
    public static func packetID(of sequence: UInt64) -> UInt16 { UInt16(1 + sequence % 65_535) }

    // MARK: Figures

    /// Messages that wait or are under way.
    public var count: Int { entries.count - head - doneCount }
    public var isEmpty: Bool { count == 0 }

    /// How many messages have ever been done with, but for a number that stays the same: tells whether the
    /// client acknowledges any.
    public var doneTotal: UInt64 { nextSequence - UInt64(count) }

    /// Whether the client's Receive Maximum lets one more be sent.
    public var hasRoom: Bool { inFlightCount < Int(limit) }

    /// Whether a message may be sent now: nothing is in front of it, and there is room.
    public mutating func isOpen() -> Bool {
        advance()
        return cursor == entries.count && hasRoom && isWithinSpan(nextSequence)
    }

    // MARK: Adding

    /// Takes up a message that is sent at once, and not kept; answers its packet identifier. Asks for
    /// `isOpen` and not `keepsSent`.
    public mutating func begin(isExactlyOnce: Bool) -> UInt16 {
        let mayBegin = isOpen()
        precondition(mayBegin && !keepsSent, "only in a queue of memory, and when it is its turn")
        let sequence = nextSequence
        nextSequence += 1
        entries.append(
            Entry(
                sequence: sequence,
                isExactlyOnce: isExactlyOnce,
                state: .sent,
                isDuplicate: true,
                isCharged: true
            )
        )
        cursor = entries.count
        inFlightCount += 1
        return Self.packetID(of: sequence)
    }

    /// Puts a message at the end. Answers its sequence, or `nil` when the queue is full.
    ///
    /// - Parameter isStored: false while it is being written: then `stored` or `drop` follows.
    public mutating func append(
        _ content: QueuedMessage,
        isStored: Bool,
        limits: QueueLimits
    ) -> UInt64? {
        guard takes(content.byteCount, limits: limits) else { return nil }
        let sequence = nextSequence
        nextSequence += 1
        add(
            Entry(
                sequence: sequence,
                isExactlyOnce: content.isExactlyOnce,
                content: content,
                state: isStored ? .waiting : .storing
            )
        )
        return sequence
    }

    /// Whether a message of so many bytes (`QueuedMessage.byteCount`) could be put at the end.
    public func takes(_ byteCount: Int, limits: QueueLimits) -> Bool {
        keptCount < limits.messages && keptBytes + byteCount <= limits.bytes
    }

    /// The store has confirmed a message: it may be sent when its turn comes.
    public mutating func stored(_ sequence: UInt64) {
        guard let index = index(of: sequence), entries[index].state == .storing else { return }
        entries[index].state = .waiting
    }

    mutating func add(_ entry: Entry) {
        if let content = entry.content {
            keptCount += 1
            keptBytes += content.byteCount
            if !entry.isCharged { uncoveredUnits += UInt64(content.units) }
            if !entry.isDuplicate, content.message.expiresAt != nil { expiringCount += 1 }
        }
        entries.append(entry)
    }

    // MARK: Sending

    /// The message whose turn it is, when there is room for it: `nil` as well while the next one is
    /// being written. Stays the next until `didSend` or `drop`; so a caller that can't send it now, for
    /// want of quota, leaves it, and all behind it, where they are.
    public mutating func next() -> OutgoingMessage? {
        advance()
        guard hasRoom, cursor < entries.count, isWithinSpan(entries[cursor].sequence) else {
            return nil
        }
        let entry = entries[cursor]
        guard entry.state == .waiting, let content = entry.content else { return nil }
        return OutgoingMessage(
            sequence: entry.sequence,
            content: content,
            isDuplicate: entry.isDuplicate,
            isCharged: entry.isCharged
        )
    }

    /// The next message is with the client's connection, and has been counted.
    public mutating func didSend(_ outgoing: OutgoingMessage) {
        advance()
        precondition(
            cursor < entries.count && entries[cursor].sequence == outgoing.sequence
                && entries[cursor].state == .waiting,
            "messages are sent in their order"
        )
        settle(cursor)
        entries[cursor].isDuplicate = true
        entries[cursor].isCharged = true
        entries[cursor].state = .sent
        if !keepsSent && outgoing.content.sharedFilter == nil { forget(cursor) }
        inFlightCount += 1
        cursor += 1
    }

    /// Takes a message out that will not be sent, or sent again: it expired, is too large for its
    /// client, could not be written, or has gone to another member of its group. Its packet identifier
    /// is free. Answers whether it was there.
    @discardableResult
    public mutating func drop(_ sequence: UInt64) -> Bool {
        guard let index = index(of: sequence), entries[index].state != .done else { return false }
        finish(index)
        return true
    }

    /// Takes out all messages that were never sent and have expired ([MQTT-3.3.2-5]), and answers their
    /// sequences: for when the queue is full, or long. Takes time with its length, unless none has an
    /// end.
    public mutating func dropExpired(at time: Timestamp) -> [UInt64] {
        guard expiringCount > 0 else { return [] }
        var dropped: [UInt64] = []
        for index in head..<entries.count where entries[index].state == .waiting {
            let entry = entries[index]
            guard !entry.isDuplicate, entry.content?.message.isExpired(at: time) == true else {
                continue
            }
            dropped.append(entry.sequence)
        }
        for sequence in dropped { drop(sequence) }
        return dropped
    }

    // MARK: A new connection

    /// The client is connected anew, with this Receive Maximum. What was sent and is not acknowledged is
    /// next again, with DUP, in its order ([MQTT-4.4.0-1], [MQTT-4.6.0-1]); before it, the owner sends
    /// PUBREL for each of `released`.
    public mutating func resume(limit: UInt16) {
        precondition(limit > 0, "a Receive Maximum of 0")
        self.limit = limit
        for index in head..<entries.count where entries[index].state == .sent {
            guard entries[index].content != nil else {
                finish(index, trims: false)
                continue
            }
            entries[index].state = .waiting
            inFlightCount -= 1
        }
        cursor = head
        trim()
    }

    /// The packet identifiers that PUBREL may be sent for, in the order of their messages: after
    /// `resume`, all that are sent again ([MQTT-4.4.0-1]).
    public var released: [UInt16] {
        entries[head...].compactMap { entry in
            entry.state == .released ? Self.packetID(of: entry.sequence) : nil
        }
    }
}

/// What may be in one session's queue: messages that wait, and those that are not acknowledged yet.
public struct QueueLimits: Hashable, Sendable {
    public var messages: Int
    public var bytes: Int

    public init(messages: Int, bytes: Int) {
        self.messages = messages
        self.bytes = bytes
    }
}

/// The message of a queue whose turn it is.
public struct OutgoingMessage: Equatable, Sendable {
    public let sequence: UInt64
    public let content: QueuedMessage

    /// The DUP flag: it may have been sent before ([MQTT-3.3.1-1]).
    public let isDuplicate: Bool

    /// It has been counted against the client's allowance.
    public let isCharged: Bool

    public var packetID: UInt16 { DeliveryQueue.packetID(of: sequence) }
}
