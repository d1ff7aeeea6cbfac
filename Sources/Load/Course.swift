internal import Linux
internal import Synchronization
internal import Time

/// Where the threads of a run meet, and what was read there.
final class Course: Sendable {
    enum Mark: Int, CaseIterable, Sendable {
        /// Before the first connection.
        case prepared
        /// All connections have been opened that are there before the measured part.
        case opened
        /// The measured part begins.
        case started
        case finished
    }

    /// What the clocks and the kernel said at a mark.
    struct Reading: Sendable {
        /// Nanoseconds of the monotonic clock.
        let instant: Int64
        let time: Timestamp
        let server: ServerFigures

        /// The harness' own processor time, in nanoseconds.
        let ownNanoseconds: Int64
    }

    private let rendezvous: Rendezvous
    private let processes: [Int32]
    private let readings = Mutex<[Reading?]>(Array(repeating: nil, count: Mark.allCases.count))

    /// When the measured part is to begin, in nanoseconds of the monotonic clock; `nil`: as soon as it can.
    let startDue: Int64?

    init(threads: Int, processes: [Int32], startDue: Int64?) {
        self.startDue = startDue
        rendezvous = Rendezvous(count: threads)
        self.processes = processes
    }

    /// Waits for the other threads; answers when the last of them came, in nanoseconds of the monotonic clock.
    @discardableResult
    func reach(_ mark: Mark) -> Int64 {
        rendezvous.meet {
            let reading = Reading(
                instant: MonotonicInstant.now().nanoseconds, time: .now(),
                server: ServerFigures.now(processes),
                ownNanoseconds: ProcessorTime.ofProcess())
            readings.withLock { $0[mark.rawValue] = reading }
        }
        return reading(at: mark)?.instant ?? MonotonicInstant.now().nanoseconds
    }

    /// `nil` before the threads have come there.
    func reading(at mark: Mark) -> Reading? { readings.withLock { $0[mark.rawValue] } }
}
