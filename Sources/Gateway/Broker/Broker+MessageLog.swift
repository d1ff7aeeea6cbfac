import Bytes
import MessageLog
import MQTT

// Devices' messages that are stored (rule D3).
extension ShardContext {
    /// Stores a message of a device whose product has them stored, or to it. Who asks has found that there is such
    /// a product.
    @inline(never)
    mutating func store(
        _ direction: StoredMessage.Direction,
        _ slot: UInt32,
        topic: Span<UInt8>,
        payload: Span<UInt8>,
        qos: QoS,
        isRetained: Bool,
        isDuplicate: Bool
    ) {
        guard let product = wire[slot].settings.productSlot else { return }
        let days = quota.storageDays(of: product)
        guard days > 0 else { return }
        let prefix = wire[slot].settings.topicPrefix
        // A message of a child, or to one, is stored where the child's own connection has it.
        guard topic.hasPrefix(prefix.span) else { return }
        messages.append(
            keptFor: days, at: now.books, now.monotonic, direction, qos: qos.rawValue,
            isRetained: isRetained, isDuplicate: isDuplicate, prefix: prefix.span, topic: topic,
            payload: payload)
    }
}
