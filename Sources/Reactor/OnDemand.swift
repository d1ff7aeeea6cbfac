/// A value that most of its owners never need: on the heap, from its first use until its owner goes away.
///
/// An owner without it pays for a pointer. One that has it keeps it, so a value that is needed again and
/// again is allocated once.
@safe
@frozen
public struct OnDemand<Value: ~Copyable & Sendable>: ~Copyable, Sendable {
    // Safe: allocated by `make`, owned by this value alone, so that it goes with it from thread to
    // thread, and freed in `deinit`.
    @usableFromInline nonisolated(unsafe) var address: UnsafeMutablePointer<Value>?

    @inlinable
    public init() { unsafe address = nil }

    @inlinable
    deinit {
        // Safe: initialised by `make`, and not used afterwards.
        if let address = unsafe address {
            unsafe address.deinitialize(count: 1)
            unsafe address.deallocate()
        }
    }

    @inlinable
    public var isMade: Bool { unsafe address != nil }

    /// The value, in place; traps when it has not been made.
    @inlinable
    public var value: Value {
        unsafeAddress {
            precondition(isMade, "nothing has been made here")
            // Safe: initialised by `make`, and it stays there while it is borrowed.
            return unsafe UnsafePointer(address.unsafelyUnwrapped)
        }
        unsafeMutableAddress {
            precondition(isMade, "nothing has been made here")
            // Safe: initialised by `make`, and it stays there while it is borrowed.
            return unsafe address.unsafelyUnwrapped
        }
    }

    /// Makes the value, unless it is there.
    @inlinable
    public mutating func make(_ first: @autoclosure () -> Value) {
        guard !isMade else { return }
        let fresh = UnsafeMutablePointer<Value>.allocate(capacity: 1)
        unsafe fresh.initialize(to: first())
        unsafe address = fresh
    }
}
