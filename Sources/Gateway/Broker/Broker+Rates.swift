import HeapModule
import Ledger
import Linux
import MQTT
import Reactor

/// Connections whose PUBLISH waits until the device's rate covers it, the first that is due in front.
struct DelayedPublishers {
    private struct Entry: Comparable {
        let due: MonotonicInstant
        let connection: Token

        static func < (one: Entry, other: Entry) -> Bool { one.due < other.due }
    }

    private var entries = Heap<Entry>()

    /// When the first is due; `nil` when none waits.
    var due: MonotonicInstant? { entries.min?.due }

    mutating func insert(_ connection: Token, until due: MonotonicInstant) {
        entries.insert(Entry(due: due, connection: connection))
    }

    /// The next one that is due at `now`. It may have gone, or wait for something else, meanwhile.
    mutating func take(dueAt now: MonotonicInstant) -> Token? {
        guard let first = entries.min, first.due <= now else { return nil }
        entries.removeMin()
        return first.connection
    }
}

// What a device sends is held to its limits, before anything else is asked of it.
extension Broker {
    /// What becomes of a PUBLISH that its sender's rate does not cover; `nil` for one that it covers.
    @inline(never)
    mutating func verdictOfRate(
        _ slot: UInt32, _ publish: borrowing Publish, _ topic: Span<UInt8>,
        in context: inout ShardContext
    ) -> PublishVerdict? {
        guard context.wire[slot].isLimited,
            let due = context.wire[slot].limiter.take(
                bytes: publish.countedBytes, at: context.now.monotonic)
        else { return nil }
        let excess = excess(slot, publish, until: due, in: &context)
        let isDelayed = excess == .delay
        context.counters.add(isDelayed ? .publishesDelayed : .publishesOverRate)
        if let product = context.wire[slot].settings.productSlot {
            context.quota.count(isDelayed ? \.delayed : \.overRate, at: product)
        }
        switch excess {
        case .refuse: return .refused(.messageRateExceeded)
        case .disconnect: context.wire.end(slot, .messageRateTooHigh)
        case .delay:
            if context.wire[slot].isTraced { context.wire.traceDelay(slot, publish, topic) }
            delay(slot, until: due, in: &context)
        }
        return .held
    }

    /// What the device's limits say. At QoS 1 and 2 a client of MQTT 3.1.1 can't be refused a message: to acknowledge
    /// it would lose it silently. And a wait that its client would not sit out ends the connection at once.
    private func excess(
        _ slot: UInt32, _ publish: borrowing Publish, until due: MonotonicInstant,
        in context: inout ShardContext
    ) -> RateExcess {
        let excess = context.wire[slot].limiter.excess
        switch (excess, context.wire[slot].settings.version) {
        case (.refuse, .v3_1_1) where publish.qos > .atMostOnce: break
        case (.refuse, _), (.disconnect, _): return excess
        case (.delay, _): break
        }
        let wait = due.nanoseconds(since: context.now.monotonic)
        return wait <= Self.longestDelay(context.wire[slot].settings) ? .delay : .disconnect
    }

    /// In nanoseconds: the keep-alive, as nothing is read meanwhile, PINGREQ neither; a minute where there is none, and
    /// five at most.
    private static func longestDelay(_ settings: borrowing NegotiatedSettings) -> Int64 {
        let seconds = settings.keepAliveSeconds > 0 ? Int64(settings.keepAliveSeconds) : 60
        return min(seconds, 300) * 1_000_000_000
    }

    /// A PUBLISH that was counted stays unread for another reason: it is counted when it is served.
    @inline(never)
    func giveBackRate(
        _ slot: UInt32, _ publish: borrowing Publish, in context: inout ShardContext
    ) {
        guard context.wire[slot].isLimited else { return }
        context.wire[slot].limiter.giveBack(bytes: publish.countedBytes)
    }

    /// Leaves the PUBLISH in front unread until then, and all that is behind it.
    private mutating func delay(
        _ slot: UInt32, until due: MonotonicInstant, in context: inout ShardContext
    ) {
        guard let token = context.wire.token(of: slot) else { return }
        context.wire[slot].holdsPacket = true
        context.wire[slot].limiter.heldUntil = due
        delayed.insert(token, until: due)
    }

    /// When the next PUBLISH that waits is covered; `nil` when none waits.
    var nextCovered: MonotonicInstant? { delayed.due }

    /// The next connection whose PUBLISH is covered now.
    mutating func takeDelayed(in context: inout ShardContext) -> Token? {
        while let token = delayed.take(dueAt: context.now.monotonic) {
            guard context.wire.contains(token), context.wire[token.slot].isLimited,
                let due = context.wire[token.slot].limiter.heldUntil, due <= context.now.monotonic
            else { continue }
            context.wire[token.slot].limiter.heldUntil = nil
            return token
        }
        return nil
    }
}

extension Publish {
    /// Bytes that count: of the topic as it was sent, and of the payload.
    fileprivate var countedBytes: Int { topic.count + payload.count }
}
