import CLinux

/// A signal, `signal(7)`.
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
