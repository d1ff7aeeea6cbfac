public import Time

/// A top-up pack, with its place in the books.
public struct TopUpPack: Hashable, Sendable {
    public let place: TopUpPlace
    public let record: TopUpRecord

    /// What can be drawn from it at `time`: nothing once it has expired.
    public func available(at time: Timestamp) -> UInt64 {
        place.hasExpired(at: time) ? 0 : record.counters.remaining
    }
}
