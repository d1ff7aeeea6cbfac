internal import Glibc
internal import Synchronization

/// How far the copying of one or more environments has come, and a way to stop it: from any thread.
public final class CopyWatch: Sendable {
    private struct State {
        /// The file being written, or -1.
        var descriptor: Int32 = -1
        var finishedBytes = 0
        var isStopped = false
    }

    private let state = Mutex(State())

    public init() {}

    /// Bytes written so far.
    public var bytes: Int {
        state.withLock { state in
            state.descriptor < 0
                ? state.finishedBytes : state.finishedBytes + Self.size(state.descriptor)
        }
    }

    public var isStopped: Bool { state.withLock { $0.isStopped } }

    /// Makes the copy under way, and later ones, fail with `ECANCELED` soon.
    ///
    /// LMDB can't be told to stop, but it stops when it can't write: from here on, its descriptor is
    /// one of `/dev/full`.
    public func stop() {
        state.withLock { state in
            state.isStopped = true
            guard state.descriptor >= 0 else { return }
            // Safe: the C function reads the path during the call.
            let full = unsafe open("/dev/full", O_WRONLY | O_CLOEXEC)
            guard full >= 0 else { return }
            dup2(full, state.descriptor)
            close(full)
        }
    }

    /// The descriptor stays the caller's, which closes it after `end`.
    func begin(_ descriptor: Int32) throws(StoreError) {
        let isStopped = state.withLock { state in
            state.descriptor = descriptor
            return state.isStopped
        }
        if isStopped { throw Self.stopped }
    }

    func end() {
        state.withLock { state in
            if !state.isStopped { state.finishedBytes += Self.size(state.descriptor) }
            state.descriptor = -1
        }
    }

    static var stopped: StoreError { .system(code: ECANCELED, operation: "copy") }

    private static func size(_ descriptor: Int32) -> Int {
        var figures = stat()
        // Safe: `fstat` fills the structure during the call, or fails, which is checked.
        return unsafe fstat(descriptor, &figures) == 0 ? Int(figures.st_size) : 0
    }
}
