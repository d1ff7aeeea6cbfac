public import Linux
public import Time

/// Where the time comes from.
@frozen
public enum TimeSource: Sendable {
    /// The machine's clocks.
    case system
    /// A test's.
    case manual(ManualClock)

    /// Now, on the calendar.
    @inlinable
    public var wall: Timestamp {
        switch self {
        case .system: .now()
        case .manual(let clock): clock.wall
        }
    }

    /// Now, for deadlines and durations.
    @inlinable
    public var monotonic: MonotonicInstant {
        switch self {
        case .system: .now()
        case .manual(let clock): clock.monotonic
        }
    }
}
