/// The message of a queue whose turn it is.
public struct OutgoingMessage: Equatable, Sendable {
    public let sequence: UInt64
    public let content: QueuedMessage

    /// The DUP flag: it may have been sent before ([MQTT-3.3.1-1]).
    public let isDuplicate: Bool

    /// It has been counted against the client's allowance.
    public let isCharged: Bool

    public var packetID: UInt16 { DeliveryQueue.packetID(of: sequence) }
}
