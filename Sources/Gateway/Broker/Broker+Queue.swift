import Bytes
import Metering
import MQTT
import Reactor
import Sessions
import Storage

// Messages that wait in a session's line, and those that go out of it.
extension Broker {
    /// Has a message wait until the client comes back, when its session outlives the connection, and
    /// the message has a QoS above 0 ([MQTT-3.1.2-5] of 3.1.1).
    mutating func keepForAbsent(
        _ token: Token,
        _ message: borrowing OutboundMessage,
        _ terms: DeliveryTerms,
        for sender: DownlinkSender,
        sharing shared: inout Message?, in context: inout ShardContext
    ) -> DeliveryOutcome {
        let session = token.slot
        guard terms.qos > .atMostOnce, sessions[slot: session].isPersistent else {
            return .decided(.notConnected)
        }
        do throws(StoreError) {
            try loadQueue(session, in: &context)
        } catch {
            context.counters.add(.sessionReadsFailed)
            context.wire.journal.noteStoreFailure(.sessionRead, error)
            return .decided(.notStored)
        }
        let units = context.quota.units(payloadBytes: message.payload.count)
        let waiting = UInt32(clamping: sessions[slot: session].queue.uncoveredUnits)
        if !isCoveredWhileAbsent(session, units: waiting + units, in: &context) {
            context.counters.add(.deliveriesOverQuota)
            return .decided(.quotaExceeded)
        }
        let kept = Self.shared(message, &shared)
        let content = QueuedMessage(kept, terms, units: units)
        return switch append(token, content, for: sender, in: &context) {
        case .full: .decided(.queueFull)
        case .kept: .decided(.queued)
        case .beingWritten: .pending
        case .gathered(let place): .gathered(place, content)
        }
    }

    /// Whether a device that is away will be able to take so many units more, as far as that is known.
    private mutating func isCoveredWhileAbsent(
        _ session: UInt32, units: UInt32, in context: inout ShardContext
    ) -> Bool {
        guard let product = sessions[slot: session].productSlot,
            case .device(let device) = sessions[slot: session].client
        else { return true }
        let verdict = context.quota.coverage(
            ofAbsent: device.identity, of: product, units: units, at: context.now.books)
        return switch verdict {
        case .covered, .waits: true
        case .refused: false
        }
    }

    /// Has a message wait for its turn. Dropped, when the queue is full, or neither the allowance nor a
    /// pack will cover it then; pending while that is being found out.
    mutating func enqueue(
        _ token: Token,
        _ slot: UInt32,
        _ message: borrowing OutboundMessage,
        _ terms: DeliveryTerms,
        for sender: DownlinkSender,
        sharing shared: inout Message?, in context: inout ShardContext
    ) -> DeliveryOutcome {
        let session = token.slot
        // Of none: it has been counted before.
        let units =
            terms.isCounted ? context.quota.units(payloadBytes: message.payload.count) : 0
        let waiting = UInt32(clamping: sessions[slot: session].queue.uncoveredUnits)
        let kept = Self.shared(message, &shared)
        let coverage =
            terms.isCounted
            ? context.quota.coverage(
                of: &context.wire[slot].settings, units: waiting + units,
                at: context.now.books) : .covered
        switch coverage {
        case .covered: break
        case .refused:
            context.counters.add(.deliveriesOverQuota)
            return .decided(.quotaExceeded)
        case .waits(let stock):
            return hold(HeldDelivery(token, kept, terms, sender), at: stock, in: &context)
        }
        let content = QueuedMessage(kept, terms, units: units)
        let appended = append(token, content, for: sender, in: &context)
        reserveUnits(session, slot, in: &context)
        switch appended {
        case .full: return .decided(.queueFull)
        case .kept(let sequence):
            guard let last = sendInLine(token, in: &context), last >= sequence else {
                return .decided(.queued)
            }
            return .decided(.delivered)
        case .beingWritten: return .pending
        case .gathered(let place): return .gathered(place, content)
        }
    }

    /// Sets aside, of a device's day, what its queue will need: what it was said to get is not used up by
    /// what it sends itself (rule C10). Not while its queue waits for the next day or a pack.
    private mutating func reserveUnits(
        _ session: UInt32, _ slot: UInt32, in context: inout ShardContext
    ) {
        guard context.wire[slot].settings.productSlot != nil else { return }
        let waiting = sessions[slot: session].queue.uncoveredUnits
        guard waiting > 0 || context.wire[slot].settings.meterSlot != nil else {
            return
        }
        context.quota.reserve(
            &context.wire[slot].settings,
            units: sessions[slot: session].waitsForQuota ? 0 : waiting, at: context.now.books)
    }

    /// Puts a message at the end of the queue of a session that came from another node.
    mutating func queue(_ message: QueuedMessage, _ token: Token, in context: inout ShardContext) {
        _ = append(token, message, for: .nobody, in: &context)
    }

    private enum AppendOutcome {
        /// Dropped, and counted.
        case full

        /// In memory only.
        case kept(UInt64)

        /// On its way to disk: sent, and the sender told, when it is there.
        case beingWritten

        /// To be written by the shard of its publisher.
        case gathered(StoredAt)
    }

    /// Puts a message at the end of a session's queue.
    private mutating func append(
        _ token: Token,
        _ message: QueuedMessage,
        for sender: DownlinkSender, in context: inout ShardContext
    ) -> AppendOutcome {
        let session = token.slot
        let stored = sessions[slot: session].stored
        let limits = context.commons.queueLimits
        var sequence = sessions[slot: session].queue.append(
            message, isStored: stored == nil, limits: limits)
        if sequence == nil {
            let expired = sessions[slot: session].queue.dropExpired(at: context.now.books)
            for gone in expired { leftLine(session, gone, in: &context) }
            context.counters.add(.deliveriesDropped, expired.count)
            sequence = sessions[slot: session].queue.append(
                message, isStored: stored == nil, limits: limits)
        }
        if sequence == nil, takesBeyondLimit(token, in: &context) {
            sequence = sessions[slot: session].queue.append(
                message, isStored: stored == nil, limits: Self.limitsBeyond(limits, in: context))
        }
        guard let sequence else {
            context.counters.add(.deliveriesDropped)
            return .full
        }
        sessions[slot: session].touchedTick = context.now.tick
        guard let stored else {
            noteInLine(session, sequence, for: sender, in: &context)
            return .kept(sequence)
        }
        let place = StoredAt(
            shard: context.index, session: token, number: stored.number, sequence: sequence)
        switch sender {
        case .gathering, .gatheringOutcome: return .gathered(place)
        case .nobody, .client, .confirmation, .child, .question, .node:
            sessionWrites.append(
                .append(stored.number, sequence: sequence, message),
                then: .stored(token, sequence: sequence, sender: sender)
            )
            return .beingWritten
        }
    }

    /// Sends what is in line, as far as the window has room, and nothing before it waits for units.
    /// Answers the sequence of the last that was sent.
    @discardableResult
    mutating func sendInLine(_ token: Token, in context: inout ShardContext) -> UInt64? {
        guard let slot = openConnection(of: token.slot, in: &context) else { return nil }
        var last: UInt64?
        while !sessions[slot: token.slot].holdsDeliveries, !isBehind(slot, in: &context),
            let next = sessions[slot: token.slot].queue.next()
        {
            switch sendNext(token, slot, next, in: &context) {
            case .sent: last = next.sequence
            case .dropped:
                sessions[slot: token.slot].queue.drop(next.sequence)
                leftLine(token.slot, next.sequence, in: &context)
                context.counters.add(.deliveriesDropped)
            case .waits:
                noteSent(token.slot, slot, last, in: &context)
                reserveUnits(token.slot, slot, in: &context)
                return last
            }
        }
        noteSent(token.slot, slot, last, in: &context)
        reserveUnits(token.slot, slot, in: &context)
        return last
    }

    /// Messages have been sent, up to that sequence: should the process end now, they are sent again as
    /// duplicates, and not counted again.
    private mutating func noteSent(
        _ session: UInt32, _ slot: UInt32, _ last: UInt64?, in context: inout ShardContext
    ) {
        guard let last else { return }
        context.wire.flushLater(slot)
        guard last >= sessions[slot: session].sentBelow else { return }
        sessions[slot: session].sentBelow = last + 1
        if let number = sessions[slot: session].stored?.number {
            sessionWrites.append(.sent(number, below: last + 1))
        }
    }

    private enum LineVerdict { case sent, dropped, waits }

    /// Sends the message whose turn it is, unless it has expired ([MQTT-3.3.2-5]), is larger than the
    /// client takes ([MQTT-3.1.2-25]), or nothing covers it. It is counted once, however often it is
    /// sent.
    private mutating func sendNext(
        _ token: Token,
        _ slot: UInt32,
        _ next: OutgoingMessage, in context: inout ShardContext
    ) -> LineVerdict {
        let message = next.content.message
        if !next.isDuplicate, message.isExpired(at: context.now.books) { return .dropped }
        let terms = DeliveryTerms(next.content)
        return message.withOutbound(isRetained: terms.isRetained) { outbound in
            guard takes(slot, outbound, terms, in: &context),
                !context.limitsDeliveries || mayReceive(token.slot, outbound.topic)
            else { return .dropped }
            let verdict =
                next.isCharged || next.content.units == 0
                ? .counted
                : charge(
                    slot, payloadBytes: outbound.payload.count, isReserved: true, in: &context)
            switch verdict {
            case .counted: break
            case .refused:
                context.counters.add(.deliveriesOverQuota)
                // Accepted is accepted: it waits for the next day, or a pack, as long as its session lasts.
                waitForQuota(token)
                return .waits
            case .waits(let stock):
                waitInLine(token, at: stock, in: &context)
                return .waits
            }
            sessions[slot: token.slot].queue.didSend(next)
            encode(
                slot, outbound, terms, packetID: next.packetID, isDuplicate: next.isDuplicate,
                in: &context)
            return .sent
        }
    }

    /// Has a line that no allowance and no pack covers looked at again in a while.
    private mutating func waitForQuota(_ token: Token) {
        guard !sessions[slot: token.slot].waitsForQuota else { return }
        sessions[slot: token.slot].waitsForQuota = true
        quotaWaiters.append(token)
    }

    /// Tries again what waited for an allowance: on the schedule of rule C7.
    mutating func resumeQuotaWaiters(in context: inout ShardContext) {
        guard !quotaWaiters.isEmpty else { return }
        var waiters: [Token] = []
        swap(&waiters, &quotaWaiters)
        for token in waiters where sessions.contains(token) {
            sessions[slot: token.slot].waitsForQuota = false
            sendInLine(token, in: &context)
        }
    }

    /// The client is back: PUBREL and what was sent but not acknowledged go out again, in their order
    /// ([MQTT-4.4.0-1]), then what has waited for it.
    mutating func resumeDeliveries(_ slot: UInt32, in context: inout ShardContext) {
        guard let token = context.wire[slot].session else { return }
        let version = context.wire[slot].settings.version
        tellOwedNotice(slot, in: &context)
        tellDesiredIfKnown(slot, in: &context)
        tellOfOffer(slot, in: &context)
        for packetID in sessions[slot: token.slot].queue.released {
            Pubrel.encode(
                packetID: packetID, version: version,
                into: &context.wire[slot].output)
        }
        sendInLine(token, in: &context)
    }
}
