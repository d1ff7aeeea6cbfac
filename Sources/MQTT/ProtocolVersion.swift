/// The protocol levels we speak; the raw value is the CONNECT packet's Protocol Version byte
/// (3.1.2.2).
public enum ProtocolVersion: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    /// MQTT 3.1.1.
    case v3_1_1 = 4

    /// MQTT 5.0.
    case v5 = 5
}

/// Quality of service of a message or a subscription (4.3).
public enum QoS: UInt8, Sendable, BitwiseCopyable, CaseIterable, Comparable {
    case atMostOnce = 0
    case atLeastOnce = 1
    case exactlyOnce = 2

    @inlinable
    public static func < (left: QoS, right: QoS) -> Bool { left.rawValue < right.rawValue }
}

/// Who sent the packet that is decoded; a few rules hold for one direction only.
public enum Sender: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    case client
    case server
}
