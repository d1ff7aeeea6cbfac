internal import Linux
internal import Synchronization

/// A thread that one part of the log has for itself: started once, waited for once.
final class Worker: Sendable {
    private let name: String
    private let thread = Mutex<Thread?>(nil)

    init(_ name: String) { self.name = name }

    func start(_ body: sending @escaping () -> Void) throws(JetStreamError) {
        do throws(Errno) {
            let started = try Thread(name: name, body: body)
            thread.withLock { $0 = started }
        } catch {
            throw .noThread("\(error)")
        }
    }

    /// Waits until it has ended, if it was started and was not waited for.
    func join() {
        let thread = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        thread?.join()
    }
}
