internal import Glibc
internal import Synchronization

/// The thread of a `GroupWriter`: started once, joined once.
final class WriterThread: Sendable {
    /// Nil once it has been joined.
    private let identifier: Mutex<pthread_t?>

    /// Runs `body` on a new thread, with all signals but those of faults blocked.
    init(_ body: sending @escaping () -> Void) throws(StoreError) {
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
    func join() {
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

/// What a new thread is given.
private final class ThreadBody {
    let run: () -> Void

    init(_ run: @escaping () -> Void) { self.run = run }
}
