import Sessions

// The gateway's own figures, on their way to applications.
extension Broker {
    /// Whether some filter, of this node or of another, begins with `$SYS/`.
    var hasSystemSubscribers: Bool {
        let root = "$SYS"
        return subscriptions.hasFilters(below: root.utf8Span.span)
    }

    /// Hands them to those who have subscribed: at QoS 0, as what comes next is newer.
    mutating func publishSystemTopics(_ messages: [Message], in context: inout ShardContext) {
        for message in messages {
            var shared: Message? = message
            message.withOutbound(isRetained: false) { outbound in
                _ = deliverToApplications(outbound, from: nil, sharing: &shared, in: &context)
            }
        }
    }
}
