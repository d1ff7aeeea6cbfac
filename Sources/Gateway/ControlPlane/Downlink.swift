import Bytes
import Ledger
import MQTT
import Sessions

/// A message that the control side sends to a device.
public struct Downlink: Equatable, Sendable {
    /// Where the device hears of it: what follows `d/{PK}/{DK}/down/`.
    public struct Topic: Equatable, Sendable {
        public let text: String

        /// In bytes of UTF-8: with what stands before it, the longest topic of MQTT (1.5.4).
        public static let maximumLength = 65_535 - "d///down/".utf8.count - 32 - 64

        /// `nil` for text that is empty, too long, or can't be in a topic name: a wildcard, U+0000.
        public init?(_ text: String) {
            guard text.utf8.count <= Self.maximumLength,
                TopicName.violation(in: text.utf8Span.span) == nil
            else { return nil }
            self.text = text
        }
    }

    public let topic: Topic
    public let payload: [UInt8]

    /// QoS 1 rather than 0, as far as the device's subscription goes.
    public let isAtLeastOnce: Bool

    public init(topic: Topic, payload: [UInt8], isAtLeastOnce: Bool = true) {
        self.topic = topic
        self.payload = payload
        self.isAtLeastOnce = isAtLeastOnce
    }

    /// As it goes to the device; `nil` when a packet of `packetBytes` can't hold it.
    func message(to device: DeviceIdentity, packetBytes: Int) -> Message? {
        let topic = device.topicPrefix + Array("down/\(topic.text)".utf8)
        // Type and length of the packet, length of the topic, packet identifier, no properties.
        let overhead = 1 + 4 + 2 + 2 + 1
        guard overhead + topic.count + payload.count <= packetBytes else { return nil }
        return Message(
            topic: topic,
            payload: payload,
            qos: isAtLeastOnce ? .atLeastOnce : .atMostOnce
        )
    }
}
