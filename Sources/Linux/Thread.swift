import CLinux
import Synchronization

/// A thread of its own, `pthread_create(3)`.
///
/// A thread that is not joined is detached when the last reference goes away, and runs on.
public final class Thread: Sendable {
    private let handle: pthread_t
    private let isJoined = Atomic<Bool>(false)

    /// Starts `body` on a new thread. What the closure captures goes over to that thread.
    ///
    /// - Parameters:
    ///   - name: shown by `ps -L` and debuggers; the kernel keeps 15 bytes.
    ///   - processor: the only processor the thread may run on; `nil` leaves it to the scheduler.
    ///     One that this process may not use is ignored.
    ///   - stackBytes: at least 16 KiB; 0 for the system's default.
    /// - Throws: `EAGAIN` when the system is out of threads, `EINVAL` for a bad stack size.
    public init(
        name: String,
        processor: Int? = nil,
        stackBytes: Int = 0,
        body: sending @escaping () -> Void
    ) throws(Errno) {
        let start = ThreadStart(name: name, processor: processor, body: body)
        let context = unsafe Unmanaged.passRetained(start)
        var handle = pthread_t()
        // Safe: the new thread takes over the one reference that `context` holds.
        let result = unsafe clinux_thread_start(
            &handle,
            stackBytes,
            { context in
                unsafe Unmanaged<ThreadStart>.fromOpaque(context.unsafelyUnwrapped)
                    .takeRetainedValue().run()
                return nil
            },
            context.toOpaque()
        )
        if result < 0 {
            unsafe context.release()
            throw Errno(rawValue: Int32(-result))
        }
        self.handle = handle
    }

    deinit { if !isJoined.load(ordering: .relaxed) { pthread_detach(handle) } }

    /// Waits until the thread has ended; once, and not from the thread itself.
    public func join() {
        let wasJoined = isJoined.exchange(true, ordering: .relaxed)
        precondition(!wasJoined, "a thread is joined once")
        // The handle is valid until it is joined or detached, which happens once.
        let code = pthread_join(handle, nil)
        precondition(code == 0, "a thread can't wait for itself")
    }

    /// The calling thread's name, as the kernel has it.
    public static var currentName: String {
        // Safe: pthread_getname_np(3) wants 16 bytes and ends its text with a zero.
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 16) { name in
            let base = unsafe name.baseAddress.unsafelyUnwrapped
            unsafe clinux_thread_get_name(base, 16)
            return unsafe String(cString: base)
        }
    }

    /// The processors that the calling thread may run on, ascending: `sched_getaffinity(2)`.
    public static var availableProcessors: [Int] {
        var processors: [Int] = []
        var next = clinux_thread_processor(0)
        while next >= 0 {
            processors.append(Int(next))
            next = clinux_thread_processor(next + 1)
        }
        return processors
    }
}

final class ThreadStart {
    private let name: String
    private let processor: Int?
    private let body: () -> Void

    init(name: String, processor: Int?, body: sending @escaping () -> Void) {
        self.name = name
        self.processor = processor
        self.body = body
    }

    func run() {
        var kernelName = ""
        for character in name where kernelName.utf8.count + character.utf8.count <= 15 {
            kernelName.append(character)
        }
        // Safe: the text lives through the call and has at most 15 bytes.
        unsafe clinux_thread_set_name(kernelName)
        if let processor { _ = clinux_thread_pin(Int32(clamping: processor)) }
        body()
    }
}
