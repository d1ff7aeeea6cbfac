/// What one message, or one delivery of it, costs the gateway.
public struct DeliveryFigure: Sendable {
    public let name: String

    /// Processor time of all shards.
    public let microseconds: Double

    /// Against the first figure of the same run, a PUBLISH of QoS 1 that nobody has subscribed to.
    public let ratio: Double

    /// What `ratio` may be at most.
    public let threshold: Double

    public var isReached: Bool { ratio <= threshold }
}
