import MQTT
import Reactor
import Sessions

// Shared subscriptions: what their receiver can't get goes to another member (4.8.2).
extension Broker {
    /// The client of a session has gone: what it has not acknowledged goes to others of its shares. What
    /// there is nobody else for stays in the session.
    mutating func redistribute(_ session: UInt32, in context: inout ShardContext) {
        guard !sessions[slot: session].queue.isEmpty else { return }
        for (sequence, content) in sessions[slot: session].queue.redistributable {
            let terms = DeliveryTerms(content)
            guard let token = sessions.token(ofSlot: session),
                passOn(
                    content.message, terms,
                    from: SessionAddress(shard: context.index, token: token), in: &context)
            else { continue }
            sessions[slot: session].queue.drop(sequence)
            storeGone(session, sequence)
        }
    }

    /// Hands a message to another member of its share; false when there is none.
    @discardableResult
    mutating func passOn(
        _ message: Message,
        _ terms: DeliveryTerms,
        from earlier: SessionAddress, in context: inout ShardContext
    ) -> Bool {
        guard let share = terms.sharedFilter,
            let member = subscriptions.chooseMember(
                ofShare: share.span, where: { $0.session != earlier })
        else { return false }
        let next = DeliveryTerms(
            qos: min(message.qos, member.qos),
            isRetained: terms.isRetained && member.retainAsPublished,
            subscriptionIdentifiers: member.identifier == 0 ? [] : [member.identifier],
            sharedFilter: share
        )
        if member.isElsewhere {
            passElsewhere(
                message, share: share, isRetained: terms.isRetained, to: member, in: &context)
        } else if member.shard == context.index {
            var shared: Message? = message
            message.withOutbound(isRetained: terms.isRetained) { outbound in
                _ = deliver(member.token, outbound, next, sharing: &shared, in: &context)
            }
        } else {
            let delivery = Delivery(token: member.token, terms: next)
            context.outgoing[member.shard].append(.deliver(message, to: [delivery], for: .nobody))
        }
        return true
    }
}
