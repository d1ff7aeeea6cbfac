import MQTT

@testable import Gateway

/// What a topic tree holds, as a plain list, and what it answers by reading all of it.
struct TopicTreeModel {
    struct Entry {
        let text: String
        var subscriber: Subscriber
        var isConnected: Bool

        var share: String? { text.hasPrefix("$share/") ? text : nil }
    }

    private(set) var entries: [Entry] = []

    mutating func insert(_ subscriber: Subscriber, _ text: String, isConnected: Bool) {
        let entry = Entry(text: text, subscriber: subscriber, isConnected: isConnected)
        let known = entries.firstIndex {
            $0.text == text && $0.subscriber.session == subscriber.session
        }
        if let known { entries[known] = entry } else { entries.append(entry) }
    }

    mutating func remove(at index: Int) { entries.remove(at: index) }

    mutating func setConnected(_ session: SessionAddress, _ isConnected: Bool) {
        for index in entries.indices where entries[index].subscriber.session == session {
            entries[index].isConnected = isConnected
        }
    }

    private func matching(_ topic: String) -> [Entry] {
        entries.filter { entry in
            TopicFilter(unchecked: entry.text.utf8Span.span).matches(topic.utf8Span.span)
        }
    }

    /// The deliveries to sessions for subscriptions of their own, in the sessions' order.
    func ownDeliveries(_ topic: String, from publisher: SessionAddress?) -> [Delivered] {
        var bySession: [SessionAddress: Delivered] = [:]
        for entry in matching(topic) where entry.share == nil {
            let subscriber = entry.subscriber
            if subscriber.noLocal && subscriber.session == publisher { continue }
            var delivered =
                bySession[subscriber.session]
                ?? Delivered(session: subscriber.session, qos: subscriber.qos)
            delivered.qos = max(delivered.qos, subscriber.qos)
            if subscriber.retainAsPublished { delivered.retainAsPublished = true }
            if subscriber.identifier > 0 { delivered.identifiers.append(subscriber.identifier) }
            delivered.identifiers.sort()
            bySession[subscriber.session] = delivered
        }
        return bySession.values.sorted { $0.session < $1.session }
    }

    /// Who may be chosen of each share: the connected ones of those that `isWanted`, or else all of them.
    func candidates(
        _ topic: String,
        where isWanted: (Subscriber) -> Bool
    ) -> [String: [Delivered]] {
        var shares: [String: [Entry]] = [:]
        for entry in matching(topic) where isWanted(entry.subscriber) {
            if let share = entry.share { shares[share, default: []].append(entry) }
        }
        return shares.mapValues { members in
            let connected = members.filter(\.isConnected)
            return (connected.isEmpty ? members : connected).map { entry in
                Delivered(
                    session: entry.subscriber.session,
                    qos: entry.subscriber.qos,
                    retainAsPublished: entry.subscriber.retainAsPublished,
                    identifiers: entry.subscriber.identifier > 0
                        ? [entry.subscriber.identifier] : [],
                    share: entry.text
                )
            }
        }
    }
}
