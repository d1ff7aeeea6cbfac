public import Linux
public import Time

/// What time it is in this turn of a shard: read once at its start, and the same for everything that
/// happens in it.
@frozen
public struct ReactorClock: Sendable {
    public let source: TimeSource

    public private(set) var wall: Timestamp
    public private(set) var monotonic: MonotonicInstant

    public init(_ source: TimeSource) {
        self.source = source
        wall = source.wall
        monotonic = source.monotonic
    }

    /// Reads both clocks: once per turn, after the wait.
    public mutating func refresh() {
        wall = source.wall
        monotonic = source.monotonic
    }
}
