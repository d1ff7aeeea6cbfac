public import Linux

/// Ends a shard's wait when the next thing is due.
///
/// A time limit of the wait itself would do, but the kernel sets up a timer for each wait that has one, and
/// takes it back when something comes before: a busy shard waits tens of thousands of times a second. This
/// one stays set over many waits, and no clock is read before them. It goes off too early when what was due
/// has moved, and is then set anew.
public struct DueAlarm: ~Copyable {
    private let alarm: Alarm

    /// What it is set to, until it has gone off.
    private var instant: MonotonicInstant?

    public init() throws(Errno) { alarm = try Alarm() }

    /// Has `epoll` report `userData` when it goes off; `wentOff` is then to be called.
    public func attach(to epoll: borrowing Epoll, userData: UInt64) throws(Errno) {
        try epoll.add(
            alarm.descriptor.rawValue,
            interest: [.read, .edgeTriggered],
            userData: userData
        )
    }

    /// Sees to it that it goes off by `due`. One that should have gone off by the clock's time, and has
    /// not, is set anew: a test's clock leaps.
    public mutating func set(by due: MonotonicInstant, _ clock: ReactorClock) throws(Errno) {
        if let instant, instant <= due, instant > clock.monotonic { return }
        try alarm.set(nanoseconds: due.nanoseconds(since: clock.source.monotonic))
        instant = due
    }

    public mutating func wentOff() { instant = nil }
}
