public import Linux
import Synchronization
public import Time

/// A clock that stands still until a test moves it.
public final class ManualClock: Sendable {
    private struct Reading {
        var wall: Timestamp
        var monotonic: MonotonicInstant
    }

    private let reading: Mutex<Reading>

    public init(wall: Timestamp, monotonic: MonotonicInstant = .init(nanoseconds: 0)) {
        reading = Mutex(Reading(wall: wall, monotonic: monotonic))
    }

    public var wall: Timestamp { reading.withLock { $0.wall } }

    public var monotonic: MonotonicInstant { reading.withLock { $0.monotonic } }

    /// Lets time pass on both clocks; `milliseconds` must not be negative.
    public func advance(milliseconds: Int64) {
        precondition(milliseconds >= 0, "time does not run backwards")
        reading.withLock { reading in
            reading.wall = reading.wall.adding(milliseconds: milliseconds)
            reading.monotonic = reading.monotonic.adding(milliseconds: milliseconds)
        }
    }

    /// Sets the wall clock, to any time, as an operator might; the monotonic clock takes no notice.
    public func set(wall: Timestamp) { reading.withLock { $0.wall = wall } }
}
