internal import CLMDB
internal import Glibc
internal import Synchronization

/// The thread of a writer: started once, joined once.
package final class WriterThread: Sendable {
    /// Nil once it has been joined.
    private let identifier: Mutex<pthread_t?>

    /// Runs `body` on a new thread, with all signals but those of faults blocked.
    package init(_ body: sending @escaping () -> Void) throws(StoreError) {
        let context = unsafe Unmanaged.passRetained(ThreadBody(body)).toOpaque()
        var thread = pthread_t()
        // Safe: the new thread takes over the retain of `context`.
        let code = unsafe pthread_create(
            &thread, nil,
            { context in
                guard let context = unsafe context else { return nil }
                let body = unsafe Unmanaged<ThreadBody>.fromOpaque(context).takeRetainedValue()
                WriterThread.blockSignals()
                body.run()
                return nil
            },
            context
        )
        if code != 0 {
            // Safe: no thread was started, so the retain is still ours.
            unsafe Unmanaged<ThreadBody>.fromOpaque(context).release()
            throw .system(code: code, operation: "pthread_create")
        }
        identifier = Mutex(thread)
    }

    /// Waits until the thread has ended; from the thread itself, lets it end alone.
    package func join() {
        let thread = identifier.withLock { identifier in
            defer { identifier = nil }
            return identifier
        }
        guard let thread else { return }
        if pthread_equal(thread, pthread_self()) != 0 {
            pthread_detach(thread)
        } else {
            pthread_join(thread, nil)
        }
    }

    /// Signals for the process go to other threads; a write past `RLIMIT_FSIZE` becomes an error.
    private static func blockSignals() {
        var signals = sigset_t()
        unsafe sigfillset(&signals)
        for fault in [SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV] {
            unsafe sigdelset(&signals, fault)
        }
        unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
    }
}

private final class ThreadBody {
    let run: () -> Void

    init(_ run: @escaping () -> Void) { self.run = run }
}

/// A counter that one thread waits on and others raise (`sem_wait`, `sem_post`).
@safe
package final class Semaphore: Sendable {
    // Safe: set once; POSIX semaphores are made for several threads; freed with the last reference.
    nonisolated(unsafe) private let storage: UnsafeMutablePointer<sem_t>

    package init() {
        unsafe storage = .allocate(capacity: 1)
        unsafe storage.initialize(to: sem_t())
        let result = unsafe sem_init(storage, 0, 0)
        precondition(result == 0, "sem_init fails only for a value out of range")
    }

    deinit {
        unsafe sem_destroy(storage)
        unsafe storage.deallocate()
    }

    package func signal() {
        let result = unsafe sem_post(storage)
        precondition(result == 0, "sem_post fails only on overflow")
    }

    /// Waits until there is a signal, and takes it.
    package func wait() {
        while unsafe sem_wait(storage) != 0 { precondition(errno == EINTR, "sem_wait") }
    }

    /// The same, for that long at most; whether there was one.
    @discardableResult
    package func wait(milliseconds: Int64) -> Bool {
        var end = timespec()
        // Safe: the structure is ours; the call writes all of it.
        unsafe clock_gettime(CLOCK_MONOTONIC, &end)
        let nanoseconds = Int64(end.tv_nsec) + max(0, milliseconds) % 1_000 * 1_000_000
        end.tv_sec += Int(max(0, milliseconds) / 1_000 + nanoseconds / 1_000_000_000)
        end.tv_nsec = Int(nanoseconds % 1_000_000_000)
        while true {
            let code = unsafe clmdb_semaphore_wait(storage, &end)
            if code != EINTR {
                precondition(code == 0 || code == ETIMEDOUT, "sem_clockwait")
                return code == 0
            }
        }
    }
}
