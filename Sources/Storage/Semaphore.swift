internal import Glibc

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
    func wait() {
        while unsafe sem_wait(storage) != 0 { precondition(errno == EINTR, "sem_wait") }
    }
}
