internal import Glibc
internal import Synchronization

/// What waits for the writer: many threads append, one takes all.
final class RequestQueue<Request: Sendable, Reply: Sendable>: Sendable {
    typealias Pending = PendingRequest<Request, Reply>

    private struct State {
        var waiting: [Pending] = []
        var isClosed = false
        var isWriterAsleep = false
    }

    private let state = Mutex(State())
    private let wakeUp = Semaphore()
    private let maximumCount: Int

    init(maximumCount: Int) { self.maximumCount = maximumCount }

    var count: Int { state.withLock { $0.waiting.count } }

    /// Takes the request, or says why not.
    func append(_ pending: Pending) -> StoreError? {
        let (refusal, mustWake) = state.withLock { state -> (StoreError?, Bool) in
            if state.isClosed { return (.shutDown, false) }
            if state.waiting.count >= maximumCount { return (.queueFull, false) }
            state.waiting.append(pending)
            defer { state.isWriterAsleep = false }
            return (nil, state.isWriterAsleep)
        }
        if mustWake { wakeUp.signal() }
        return refusal
    }

    /// No more requests; what waits will still be taken.
    func close() {
        let mustWake = state.withLock { state in
            state.isClosed = true
            defer { state.isWriterAsleep = false }
            return state.isWriterAsleep
        }
        if mustWake { wakeUp.signal() }
    }

    /// Adds all that waits to `taken`. When that makes nothing, sleeps until there is something;
    /// false when the queue is closed and there is nothing left.
    func take(into taken: inout [Pending]) -> Bool {
        while true {
            let isOver = state.withLock { state -> Bool? in
                if taken.isEmpty {
                    swap(&state.waiting, &taken)
                } else {
                    taken.append(contentsOf: state.waiting)
                    state.waiting.removeAll(keepingCapacity: true)
                }
                if !taken.isEmpty { return false }
                if state.isClosed { return true }
                state.isWriterAsleep = true
                return nil
            }
            if let isOver { return !isOver }
            wakeUp.wait()
        }
    }
}

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

private final class ThreadBody {
    let run: () -> Void

    init(_ run: @escaping () -> Void) { self.run = run }
}

/// A counter that one thread waits on and others raise (`sem_wait`, `sem_post`).
@safe
final class Semaphore: Sendable {
    // Safe: set once; POSIX semaphores are made for several threads; freed with the last reference.
    nonisolated(unsafe) private let storage: UnsafeMutablePointer<sem_t>

    init() {
        unsafe storage = .allocate(capacity: 1)
        unsafe storage.initialize(to: sem_t())
        let result = unsafe sem_init(storage, 0, 0)
        precondition(result == 0, "sem_init fails only for a value out of range")
    }

    deinit {
        unsafe sem_destroy(storage)
        unsafe storage.deallocate()
    }

    func signal() {
        let result = unsafe sem_post(storage)
        precondition(result == 0, "sem_post fails only on overflow")
    }

    /// Waits until there is a signal, and takes it.
    func wait() { while unsafe sem_wait(storage) != 0 { precondition(errno == EINTR, "sem_wait") } }
}
