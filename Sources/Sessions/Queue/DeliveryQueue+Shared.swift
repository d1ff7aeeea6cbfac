// Messages of shared subscriptions (4.8.2).
extension DeliveryQueue {
    /// The messages that another member of their share may get in place of this client, oldest first:
    /// those of QoS 1 that it has not acknowledged, and those of QoS 2 that were never sent to it
    /// ([MQTT-4.8.2-4], [MQTT-4.8.2-5]). Takes time with its length.
    public var redistributable: [(sequence: UInt64, content: QueuedMessage)] {
        entries[head...].compactMap { entry in
            guard let content = entry.content, content.sharedFilter != nil else { return nil }
            switch entry.state {
            case .storing, .received, .released, .done: return nil
            case .waiting, .sent: break
            }
            if entry.isExactlyOnce, entry.isDuplicate || entry.state == .sent { return nil }
            return (entry.sequence, content)
        }
    }
}
