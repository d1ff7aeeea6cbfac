import CLinux

/// A value that threads change one at a time, and wait for: `pthread_mutex_lock(3)`, `pthread_cond_timedwait(3)`.
///
/// For threads that have nothing else to do; a shard waits in its epoll.
@safe
public final class Monitor<Value: Sendable>: Sendable {
    // Safe: set once, made for several threads, freed with the last reference.
    nonisolated(unsafe) private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    nonisolated(unsafe) private let condition: UnsafeMutablePointer<pthread_cond_t>

    // Safe: touched only by the thread that has the lock.
    nonisolated(unsafe) private var value: Value

    public init(_ value: Value) {
        unsafe self.value = value
        unsafe mutex = .allocate(capacity: 1)
        unsafe condition = .allocate(capacity: 1)
        unsafe mutex.initialize(to: pthread_mutex_t())
        unsafe condition.initialize(to: pthread_cond_t())
        var attributes = pthread_condattr_t()
        // Safe: each function works on what was allocated above, or on the local attributes.
        let results = unsafe [
            pthread_condattr_init(&attributes),
            pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC),
            pthread_mutex_init(mutex, nil),
            pthread_cond_init(condition, &attributes),
            pthread_condattr_destroy(&attributes),
        ]
        precondition(results.allSatisfy { $0 == 0 }, "they fail only for want of memory")
    }

    deinit {
        unsafe pthread_cond_destroy(condition)
        unsafe pthread_mutex_destroy(mutex)
        unsafe condition.deallocate()
        unsafe mutex.deallocate()
    }

    /// Reads the value.
    public func look<Answer>(_ body: (Value) -> Answer) -> Answer { locked { body($0) } }

    /// Changes the value, and has every thread that waits look at it again.
    public func change<Answer>(_ body: (inout Value) -> Answer) -> Answer {
        locked { value in
            defer { unsafe pthread_cond_broadcast(condition) }
            return body(&value)
        }
    }

    /// Waits until `body` finds in the value what it is after; `nil` when it has not by `deadline`.
    public func wait<Answer>(
        until deadline: MonotonicInstant? = nil,
        for body: (inout Value) -> Answer?
    ) -> Answer? {
        locked { value in
            while true {
                if let found = body(&value) { return found }
                if !sleep(until: deadline) { return body(&value) }
            }
        }
    }

    private func locked<Answer>(_ body: (inout Value) -> Answer) -> Answer {
        let result = unsafe pthread_mutex_lock(mutex)
        precondition(result == 0, "a thread takes the lock once")
        defer { unsafe pthread_mutex_unlock(mutex) }
        return unsafe body(&value)
    }

    /// Lets go of the lock until there was a change; false when the deadline is over.
    private func sleep(until deadline: MonotonicInstant?) -> Bool {
        guard let deadline else {
            unsafe pthread_cond_wait(condition, mutex)
            return true
        }
        let (seconds, rest) = deadline.nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        var time = timespec(tv_sec: Int(seconds), tv_nsec: Int(rest))
        return unsafe pthread_cond_timedwait(condition, mutex, &time) != ETIMEDOUT
    }
}
