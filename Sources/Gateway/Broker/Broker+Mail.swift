import Bytes
import Ledger
import Linux
import Metering
import MQTT
import Reactor
import Sessions
import Storage
import Time

// Messages that come from other shards, and from the control side.
extension Broker {
    /// A message for sessions of this shard. `sender` is told of those that are stored.
    mutating func receive(
        _ message: Message, for deliveries: [Delivery], from sender: DownlinkSender,
        in context: inout ShardContext
    ) {
        var shared: Message? = message
        message.withOutbound(isRetained: false) { outbound in
            beginFanOut(deliveries.count)
            for delivery in deliveries {
                let awaited: DownlinkSender = delivery.isStored ? sender : .nobody
                let isShared = delivery.terms.sharedFilter != nil
                if isKept(for: delivery.token, isShared: isShared, delivery.away) {
                    report(.decided(.queued), to: awaited, in: &context)
                    continue
                }
                let outcome = deliver(
                    delivery.token, outbound, delivery.terms, for: awaited, sharing: &shared,
                    in: &context)
                report(outcome, to: awaited, in: &context)
                if case .decided(.notConnected) = outcome, delivery.terms.sharedFilter != nil {
                    // Gone since it was chosen: another member of the share gets it.
                    let earlier = SessionAddress(shard: context.index, token: delivery.token)
                    passOn(message, delivery.terms, from: earlier, in: &context)
                }
            }
            isFanningOut = false
        }
    }

    /// A message for a device whose home is this shard.
    mutating func receive(
        _ message: Message,
        isRetained: Bool,
        for device: DeviceIdentity,
        from sender: DownlinkSender, in context: inout ShardContext
    ) {
        var shared: Message? = message
        message.withOutbound(isRetained: isRetained) { outbound in
            let outcome = deliverToDeviceAnywhere(
                device, outbound, for: sender, sharing: &shared, in: &context)
            report(outcome, to: sender, in: &context)
        }
    }

    /// Another shard's application has subscribed.
    mutating func subscribeHere(
        _ subscriber: Subscriber,
        to filter: [UInt8],
        confirming confirmation: Confirmation?, in context: inout ShardContext
    ) {
        subscriptions.insert(subscriber, filter: filter.span)
        if let confirmation {
            context.outgoing[confirmation.shard].append(.subscribed(confirmation))
        }
    }

    /// Another shard's application has unsubscribed.
    mutating func unsubscribeHere(
        _ session: SessionAddress,
        from filter: [UInt8],
        confirming confirmation: Confirmation?, in context: inout ShardContext
    ) {
        subscriptions.remove(session, filter: filter.span)
        if let confirmation {
            context.outgoing[confirmation.shard].append(.subscribed(confirmation))
        }
    }

    /// The client of another shard's session has come, or gone.
    mutating func noteConnected(_ session: SessionAddress, _ isConnected: Bool) {
        subscriptions.setConnected(session, isConnected)
    }

    /// A message of the control side is one like an application's.
    mutating func send(
        _ message: Message,
        to identity: DeviceIdentity,
        for sender: DownlinkSender, in context: inout ShardContext
    ) {
        var shared: Message? = message
        message.withOutbound(isRetained: false) { outbound in
            if !subscriptions.isEmpty {
                _ = deliverToApplications(outbound, from: nil, sharing: &shared, in: &context)
            }
            let outcome = deliverToDeviceAnywhere(
                identity, outbound, for: sender, sharing: &shared, in: &context)
            report(outcome, to: sender, in: &context)
        }
    }

    /// Ends all sessions that `isMeant`, of clients that are away too.
    mutating func endSessions(
        in context: inout ShardContext,
        where isMeant: (borrowing Session) -> Bool
    ) {
        var next = sessions.occupiedSlot(from: 0)
        while let slot = next {
            if isMeant(sessions[slot: slot]), let token = sessions.token(ofSlot: slot) {
                endSession(token, in: &context)
            }
            next = sessions.occupiedSlot(from: slot + 1)
        }
    }

    // MARK: Time

    /// Does what is due for clients that are away.
    mutating func fireTimers(_ fired: inout [UInt32], in context: inout ShardContext) {
        fired.removeAll(keepingCapacity: true)
        sessionWheel.advance(to: context.now.tick, into: &fired)
        for slot in fired { absentTimerFired(slot, in: &context) }
    }

    /// A clock has moved: what is due is done now, and every timer is set anew.
    mutating func lookAtClock(in context: inout ShardContext) {
        var next = sessions.occupiedSlot(from: 0)
        while let slot = next {
            lookAtAbsent(slot, in: &context)
            next = sessions.occupiedSlot(from: slot + 1)
        }
    }

    /// A connection is being closed: nobody waits for the answers to its SUBSCRIBEs.
    mutating func dropConfirmations(of connection: Token) {
        confirmations.removeAll { $0.confirmation.token == connection }
        retainedRequests.removeAll { request in
            if case .announced(let confirmation) = request.step {
                confirmation.token == connection
            } else {
                false
            }
        }
    }

    /// A session's messages are held no more.
    mutating func endHold(_ token: Token) {
        if sessions.contains(token) { sessions[slot: token.slot].holdsDeliveries = false }
    }

    /// Sends what is in the queue of a session, if that is still there.
    mutating func sendInLineIfThere(_ token: Token, in context: inout ShardContext) {
        if sessions.contains(token) { sendInLine(token, in: &context) }
    }
}
