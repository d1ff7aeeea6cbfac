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
        monotonic = source.monotonic
        wall = source.wall
    }

    /// Whether the wall clock was set between that reading and this one: it has gone another way than
    /// the one that nobody sets, by a second at least.
    public func hasStepped(since earlier: ReactorClock) -> Bool {
        let passed = monotonic.milliseconds(since: earlier.monotonic)
        let step = wall.milliseconds(since: earlier.wall) - passed
        return step.magnitude >= 1_000
    }

    /// Reads both clocks: once per turn, after the wait. Between shards they differ by what a turn takes.
    public mutating func refresh() {
        monotonic = source.monotonic
        wall = source.wall
    }
}
