/// Rule B14, without who is online: the books don't know that.
public struct ProductFigures: Hashable, Sendable {
    public let assigned: UInt64
    public let remaining: UInt64
    public let consumed: UInt64
    public let devicesKnown: UInt64
    public let devicesActive: UInt64
}
