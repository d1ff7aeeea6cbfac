internal import Linux
internal import Synchronization

/// Where the threads of a run meet, and what was read there.
final class Course: Sendable {
    enum Mark: Int, CaseIterable, Sendable {
        /// Before the first connection.
        case prepared
        /// The measured part begins.
        case started
        case finished
    }

    /// What the clocks and the kernel said at a mark.
    struct Reading: Sendable {
        /// Nanoseconds of the monotonic clock.
        let instant: Int64
        let server: ServerFigures

        /// The harness' own processor time, in nanoseconds.
        let ownNanoseconds: Int64
    }

    private let rendezvous: Rendezvous
    private let processes: [Int32]
    private let readings = Mutex<[Reading?]>(Array(repeating: nil, count: Mark.allCases.count))

    init(threads: Int, processes: [Int32]) {
        rendezvous = Rendezvous(count: threads)
        self.processes = processes
    }

    /// Waits for the other threads; answers when the last of them came, in nanoseconds of the monotonic clock.
    @discardableResult
    func reach(_ mark: Mark) -> Int64 {
        rendezvous.meet {
            let reading = Reading(
                instant: MonotonicInstant.now().nanoseconds, server: ServerFigures.now(processes),
                ownNanoseconds: ProcessorTime.ofProcess())
            readings.withLock { $0[mark.rawValue] = reading }
        }
        return reading(at: mark)?.instant ?? MonotonicInstant.now().nanoseconds
    }

    /// `nil` before the threads have come there.
    func reading(at mark: Mark) -> Reading? { readings.withLock { $0[mark.rawValue] } }
}
