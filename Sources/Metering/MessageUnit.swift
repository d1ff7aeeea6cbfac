/// What one message costs: one unit per started `bytes` of payload, an empty payload one (rule C1).
public struct MessageUnit: Sendable {
    /// Payload bytes that one unit pays for; at least 1.
    public let bytes: Int

    /// 512 bytes, the origin platform's unit.
    public static let standard = MessageUnit(bytes: 512)

    public init(bytes: Int) {
        precondition(bytes > 0, "a unit of no bytes can't be counted")
        self.bytes = bytes
    }

    /// The units of a message with `payloadBytes` of payload (MQTT's limit keeps this in 32 bits).
    @inlinable
    public func units(payloadBytes: Int) -> UInt32 {
        payloadBytes <= bytes ? 1 : UInt32((payloadBytes + bytes - 1) / bytes)
    }
}
