import CLinux

/// An event counter, `eventfd(2)`: how a thread wakes another one's epoll.
///
/// Watched `.edgeTriggered` it needs no `reset`: each signal is an edge.
@frozen
public struct Wakeup: ~Copyable, Sendable {
    public let descriptor: Descriptor

    public init() throws(Errno) {
        let number = try retrying { clinux_eventfd() }
        descriptor = Descriptor(adopting: Int32(number))
    }

    /// Makes the descriptor readable. Callable from any thread, never waits.
    public borrowing func signal() {
        let number = descriptor.rawValue
        var one: UInt64 = 1
        // Safe: eventfd(2) takes eight bytes. A full counter would block, and is readable anyway.
        let result = try? retryingUnlessBlocked { unsafe clinux_write(number, &one, 8) }
        assert(result != nil, "an eventfd takes a signal")
    }

    /// Makes the descriptor unreadable until the next signal.
    public borrowing func reset() {
        let number = descriptor.rawValue
        var count: UInt64 = 0
        // Safe: eventfd(2) gives eight bytes.
        _ = try? retryingUnlessBlocked { unsafe clinux_read(number, &count, 8) }
    }
}

public struct Signal: RawRepresentable, Hashable, Sendable {
    public let rawValue: Int32

    public init(rawValue: Int32) { self.rawValue = rawValue }

    public static let hangUp = Signal(rawValue: SIGHUP)
    public static let interrupt = Signal(rawValue: SIGINT)
    public static let terminate = Signal(rawValue: SIGTERM)
    public static let user1 = Signal(rawValue: SIGUSR1)
    public static let user2 = Signal(rawValue: SIGUSR2)
    public static let pipe = Signal(rawValue: SIGPIPE)

    /// The process takes no notice of the signal any more.
    public func ignore() {
        let result = clinux_signal_ignore(rawValue)
        precondition(result == 0, "no such signal, or one that can't be ignored")
    }

    /// Sends the signal to the calling thread (`raise(3)`).
    public func raiseOnThread() {
        let result = clinux_signal_raise(rawValue)
        precondition(result == 0, "no such signal")
    }

    /// Keeps the signals from interrupting the calling thread and the threads it starts from now on
    /// (`pthread_sigmask(3)`): call it first thing in `main`.
    public static func block(_ signals: [Signal]) {
        let numbers = signals.map(\.rawValue)
        // Safe: the array lends its numbers for the call.
        let result = unsafe clinux_signals_block(numbers, numbers.count)
        precondition(result == 0, "no such signal")
    }
}

/// Signals as something to read, `signalfd(2)`: readable while one is waiting.
@frozen
public struct SignalDescriptor: ~Copyable, Sendable {
    public let descriptor: Descriptor

    /// Takes delivery of `signals`, which must be blocked in all threads (`Signal.block`).
    public init(_ signals: [Signal]) throws(Errno) {
        let numbers = signals.map(\.rawValue)
        // Safe: the array lends its numbers for the call.
        let number = try retrying { unsafe clinux_signalfd(numbers, numbers.count) }
        descriptor = Descriptor(adopting: Int32(number))
    }

    /// The next signal; `nil` when none is waiting.
    public borrowing func next() throws(Errno) -> Signal? {
        let descriptor = descriptor.rawValue
        let number = try retryingUnlessBlocked { clinux_signal_read(descriptor) }
        return number.map { Signal(rawValue: Int32($0)) }
    }
}
