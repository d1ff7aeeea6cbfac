import Sessions

extension QueuedMessage {
    /// A message in line for a receiver, with what its subscriptions make of it.
    init(_ message: Message, _ terms: DeliveryTerms, units: UInt32) {
        self.init(
            message,
            qos: terms.qos,
            isRetained: terms.isRetained,
            subscriptionIdentifiers: terms.subscriptionIdentifiers,
            sharedFilter: terms.sharedFilter,
            units: units
        )
    }
}

extension DeliveryTerms {
    init(_ queued: QueuedMessage) {
        self.init(
            qos: queued.qos,
            isRetained: queued.isRetained,
            subscriptionIdentifiers: queued.subscriptionIdentifiers,
            sharedFilter: queued.sharedFilter
        )
    }
}
