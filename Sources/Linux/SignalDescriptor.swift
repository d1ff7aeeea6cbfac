import CLinux

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
