import Linux
public import Testing

/// Tests that wait: for sockets, for processes, for each other.
///
/// Each runs on a thread of its own, a few at a time, so that none of the few threads that all other
/// tests share, and the servers in them, stands still meanwhile.
public struct OwnThread: TestTrait, SuiteTrait, TestScoping {
    private let gate: Gate?

    public var isRecursive: Bool { true }

    @concurrent
    public func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        await gate?.enter()
        let result: Result<Void, any Error>
        do {
            result = .success(
                try await withTaskExecutorPreference(ThreadExecutor.shared) {
                    try await function()
                }
            )
        } catch {
            result = .failure(error)
        }
        await gate?.leave()
        try result.get()
    }

    fileprivate init(gate: Gate?) { self.gate = gate }
}

extension Trait where Self == OwnThread {
    /// Tests with sockets and processes, two at a time in the whole run.
    public static var waits: Self { OwnThread(gate: .waiting) }

    /// Tests that compute for seconds, two at a time in the whole run: on a thread that all share they would keep the
    /// servers of other tests from being served.
    public static var computes: Self { OwnThread(gate: .computing) }

    /// Tests that serve an API and call it in one process, four at a time in the whole run: each of hundreds would wait for
    /// seconds at every step of its server.
    public static var serves: Self { OwnThread(gate: .serving) }

    /// Tests of a suite that is long and runs one of them at a time: beside the others, as each would else stand at the
    /// end of a line of hundreds, and the suite would be alone when these are through.
    public static var waitsApart: Self { OwnThread(gate: nil) }
}

/// Lets so many in at a time, in the order in which they came.
private actor Gate {
    static let waiting = Gate(2)
    static let computing = Gate(2)
    static let serving = Gate(4)

    private var free: Int
    private var line: [CheckedContinuation<Void, Never>] = []

    init(_ count: Int) { free = count }

    func enter() async {
        if free > 0 {
            free -= 1
        } else {
            await withCheckedContinuation { line.append($0) }
        }
    }

    func leave() {
        if line.isEmpty {
            free += 1
        } else {
            line.removeFirst().resume()
        }
    }
}

/// Runs each job on a new thread. Jobs of a test follow one another, and the test may block.
private final class ThreadExecutor: TaskExecutor {
    static let shared = ThreadExecutor()

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        // Safe: a job is run once, here.
        do throws(Errno) {
            _ = try Thread(name: "test") {
                unsafe job.runSynchronously(on: self.asUnownedTaskExecutor())
            }
        } catch {
            preconditionFailure("pthread_create: \(error)")
        }
    }
}
