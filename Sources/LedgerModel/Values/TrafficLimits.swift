package import Bytes
package import Encoding

/// What a device may send, and have under way, beside the day's allowance. Set for a product, it holds for each of its
/// devices; set for a device, each member that is there takes the place of the product's.
public struct TrafficLimits: Hashable, Sendable {
    /// PUBLISHes that it sends.
    public let messages: Rate?

    /// Bytes of their topics and payloads.
    public let bytes: Rate?

    /// What becomes of a PUBLISH that one of the two does not cover; `delay` where nothing is said.
    public let excess: RateExcess?

    /// PUBLISHes of QoS 1 and 2 that may wait for their acknowledgements: its Receive Maximum ([MQTT-3.3.4-7]), within
    /// the listener's.
    public let inflightMessages: UInt32?

    /// The largest packet that it may send ([MQTT-3.2.2-15]), within the listener's.
    public let packetBytes: UInt32?

    /// Topic filters that it may have at a time, within the gateway's limit.
    public let subscriptions: UInt32?

    /// What `inflightMessages` may be (3.1.2.11.3).
    public static let inflightRange: ClosedRange<UInt32> = 1...65_535

    /// What `packetBytes` may be: room for a topic and a short payload, and MQTT's longest (2.1.4).
    public static let packetBytesRange: ClosedRange<UInt32> = 128...268_435_460

    /// What `subscriptions` may be.
    public static let subscriptionsMaximum: UInt32 = 100_000

    /// `nil` when there is nothing in it, or a member is out of its range.
    public init?(
        messages: Rate? = nil,
        bytes: Rate? = nil,
        excess: RateExcess? = nil,
        inflightMessages: UInt32? = nil,
        packetBytes: UInt32? = nil,
        subscriptions: UInt32? = nil
    ) {
        guard
            messages != nil || bytes != nil || excess != nil || inflightMessages != nil
                || packetBytes != nil || subscriptions != nil,
            inflightMessages.map(Self.inflightRange.contains) ?? true,
            packetBytes.map(Self.packetBytesRange.contains) ?? true,
            subscriptions ?? 0 <= Self.subscriptionsMaximum
        else { return nil }
        self.messages = messages
        self.bytes = bytes
        self.excess = excess
        self.inflightMessages = inflightMessages
        self.packetBytes = packetBytes
        self.subscriptions = subscriptions
    }

    /// A device's own in the place of its product's.
    public static func merged(own: TrafficLimits?, product: TrafficLimits?) -> TrafficLimits? {
        guard let own, let product else { return own ?? product }
        return TrafficLimits(
            messages: own.messages ?? product.messages,
            bytes: own.bytes ?? product.bytes,
            excess: own.excess ?? product.excess,
            inflightMessages: own.inflightMessages ?? product.inflightMessages,
            packetBytes: own.packetBytes ?? product.packetBytes,
            subscriptions: own.subscriptions ?? product.subscriptions)
    }
}

/// So many in a second on average, and so many at once after a pause (a token bucket).
public struct Rate: Hashable, Sendable {
    public let perSecond: UInt32
    public let burst: UInt32

    /// What both may be.
    public static let range: ClosedRange<UInt32> = 1...1_000_000_000

    /// - Parameter burst: what a second brings, where nothing is said.
    public init?(perSecond: UInt32, burst: UInt32? = nil) {
        let burst = burst ?? perSecond
        guard Self.range.contains(perSecond), Self.range.contains(burst) else { return nil }
        self.perSecond = perSecond
        self.burst = burst
    }
}

/// What becomes of a PUBLISH that a device's rate does not cover.
public enum RateExcess: UInt8, RecordField, Hashable, Sendable, CaseIterable {
    /// It waits, unread, and what is behind it too, until the rate covers it.
    case delay = 1

    /// It is not taken: at QoS 1 and 2 that is said by 0x97. A client of MQTT 3.1.1 can't be told, so its message waits
    /// at QoS 1 and 2.
    case refuse = 2

    /// The connection ends: 0x96.
    case disconnect = 3

    /// Its name in the API.
    public var name: String {
        switch self {
        case .delay: "delay"
        case .refuse: "refuse"
        case .disconnect: "disconnect"
        }
    }
}

extension Rate: RecordField {
    package func encode(into buffer: inout ByteBuffer) { buffer.append(fields: perSecond, burst) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        guard let rate = Rate(perSecond: try reader.take(), burst: try reader.take(UInt32.self))
        else { throw .malformed(what: "rate") }
        self = rate
    }
}

extension TrafficLimits: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(fields: messages, bytes, excess, inflightMessages, packetBytes, subscriptions)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        guard
            let limits = TrafficLimits(
                messages: try reader.take(), bytes: try reader.take(), excess: try reader.take(),
                inflightMessages: try reader.take(), packetBytes: try reader.take(),
                subscriptions: try reader.take())
        else { throw .malformed(what: "limits of traffic") }
        self = limits
    }
}
