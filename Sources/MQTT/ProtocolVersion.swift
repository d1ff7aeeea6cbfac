/// The protocol levels we speak; the raw value is the CONNECT packet's Protocol Version byte
/// (3.1.2.2).
public enum ProtocolVersion: UInt8, Sendable, CaseIterable {
    /// MQTT 3.1.1.
    case v3_1_1 = 4

    /// MQTT 5.0.
    case v5 = 5
}
