public import Linux
import Synchronization

/// Keeps the courier running, a program of its own: libcurl and what it brings along are never loaded in the process
/// that devices connect to. It is started with the first job, and again, after a pause, when it has ended.
///
/// The courier holds nothing that lasts: what was under way when it ended has failed, and the caller decides what
/// becomes of it.
public final class CourierProcess: Sendable {
    private let shared: Shared

    /// What the thread has in common with callers. The thread doesn't keep the courier's owner.
    final class Shared: Sendable {
        let state = Mutex(State())
        let wakeup: Wakeup

        init() throws(Errno) { wakeup = try Wakeup() }
    }

    struct State {
        var waiting: [Waiting] = []
        var nextNumber: UInt64 = 1
        var underWay = 0
        var starts: UInt64 = 0
        var process: Int32?
        var isRunning = false
        var isStopped = false
    }

    struct Waiting: Sendable {
        let job: CourierJob
        let completion: @Sendable (CourierOutcome) -> Void
    }

    private let program: String
    private let arguments: [String]

    /// - Parameters:
    ///   - program: its path.
    ///   - arguments: see `CourierArguments`.
    public init(program: String, arguments: [String]) throws(Errno) {
        self.program = program
        self.arguments = arguments
        shared = try Shared()
    }

    deinit { stop() }

    /// Hands a request to the courier. The completion is called once, on the courier's thread or on this one: it should
    /// only pass the outcome on.
    public func send(
        _ url: String, _ headers: [CourierJob.Header], _ body: [UInt8], timeoutMilliseconds: UInt32,
        completion: @escaping @Sendable (CourierOutcome) -> Void
    ) {
        submit(completion) { number in
            CourierJob(
                number: number, url: url, headers: headers, body: body,
                timeoutMilliseconds: timeoutMilliseconds)
        }
    }

    /// Hands a message for a mail server to the courier, and waits for the outcome.
    ///
    /// - Parameter message: all of it (RFC 5322), with line ends of CR LF.
    public func send(
        _ mail: CourierMail, _ message: [UInt8], timeoutMilliseconds: UInt32
    ) async -> CourierOutcome {
        await withCheckedContinuation { continuation in
            submit({ continuation.resume(returning: $0) }) { number in
                CourierJob(
                    number: number, mail: mail, body: message,
                    timeoutMilliseconds: timeoutMilliseconds)
            }
        }
    }

    private func submit(
        _ completion: @escaping @Sendable (CourierOutcome) -> Void,
        _ job: (UInt64) -> CourierJob
    ) {
        enum Answer { case queued, starts, refused }
        let answer = shared.state.withLock { state -> Answer in
            if state.isStopped { return .refused }
            state.waiting.append(Waiting(job: job(state.nextNumber), completion: completion))
            state.nextNumber += 1
            if state.isRunning { return .queued }
            state.isRunning = true
            return .starts
        }
        switch answer {
        case .queued: shared.wakeup.signal()
        case .refused: completion(.unsent(0, "the gateway stops"))
        case .starts: startThread()
        }
    }

    /// The same, and waits for the outcome.
    public func send(
        _ url: String, _ headers: [CourierJob.Header], _ body: [UInt8], timeoutMilliseconds: UInt32
    ) async -> CourierOutcome {
        await withCheckedContinuation { continuation in
            send(url, headers, body, timeoutMilliseconds: timeoutMilliseconds) {
                continuation.resume(returning: $0)
            }
        }
    }

    /// How often the courier was started.
    public var starts: UInt64 { shared.state.withLock { $0.starts } }

    /// How many requests are under way, or wait for the courier.
    public var underWay: Int { shared.state.withLock { $0.underWay + $0.waiting.count } }

    /// The process, as the kernel numbers it; `nil` when there is none.
    public var number: Int32? { shared.state.withLock { $0.process } }

    /// Ends the courier; what is under way fails.
    public func stop() {
        shared.state.withLock { $0.isStopped = true }
        shared.wakeup.signal()
    }

    private func startThread() {
        let (shared, program, arguments) = (shared, program, arguments)
        do throws(Errno) {
            // The kernel ends the courier with the thread that has started it.
            _ = try Thread(name: "courier") {
                CourierLoop(program: program, arguments: arguments, shared: shared).run()
            }
        } catch {
            let waiting = shared.state.withLock { state in
                state.isRunning = false
                defer { state.waiting = [] }
                return state.waiting
            }
            for one in waiting {
                one.completion(.unsent(one.job.number, "no thread for the courier: \(error)"))
            }
        }
    }
}

extension CourierOutcome {
    /// No courier has had it.
    public static func unsent(_ number: UInt64, _ error: String) -> CourierOutcome {
        var outcome = failed(number, error)
        outcome.isUnsent = true
        return outcome
    }

    static func failed(_ number: UInt64, _ error: String) -> CourierOutcome {
        CourierOutcome(number: number, status: 0, milliseconds: 0, error: error)
    }
}

/// What the courier's thread does.
private struct CourierLoop {
    let program: String
    let arguments: [String]
    let shared: CourierProcess.Shared

    /// Between two starts, at least and at most; it doubles while the courier ends soon.
    private static let pauses: ClosedRange<Int64> = 100...30_000

    /// A courier that has lived so long has not ended soon.
    private static let soonMilliseconds: Int64 = 10_000

    /// What a request may take longer than it should before the courier is taken to stand still.
    private static let graceMilliseconds: Int64 = 5_000

    private struct UnderWay {
        let since: MonotonicInstant
        let deadline: MonotonicInstant
        let completion: @Sendable (CourierOutcome) -> Void
    }

    func run() {
        var pause = Self.pauses.lowerBound
        while !waitForJobs() {
            let since = MonotonicInstant.now()
            do throws(Errno) {
                try serve(try SpawnedProcess(program, arguments: arguments))
                if MonotonicInstant.now().milliseconds(since: since) > Self.soonMilliseconds {
                    pause = Self.pauses.lowerBound
                }
            } catch {
                failWaiting("\(program) can't be started: \(error)")
            }
            guard !isStopped else { break }
            rest(milliseconds: pause)
            pause = min(2 * pause, Self.pauses.upperBound)
        }
        failWaiting("the gateway stops")
    }

    private var isStopped: Bool { shared.state.withLock { $0.isStopped } }

    /// Returns when there is something to do: whether that is to stop.
    private func waitForJobs() -> Bool {
        while true {
            let next = shared.state.withLock { state -> Bool? in
                state.isStopped ? true : state.waiting.isEmpty ? nil : false
            }
            if let next { return next }
            sleep(milliseconds: -1)
        }
    }

    /// So long, whatever is asked for meanwhile, but to stop.
    private func rest(milliseconds: Int64) {
        let end = MonotonicInstant.now().adding(milliseconds: milliseconds)
        while !isStopped {
            let left = end.milliseconds(since: .now())
            guard left > 0 else { return }
            sleep(milliseconds: left)
        }
    }

    /// Until there is a signal, or so long; for ever when that is negative.
    private func sleep(milliseconds: Int64) {
        guard let epoll = try? Epoll() else { return }
        var events = EventBuffer(capacity: 1)
        guard
            (try? epoll.add(
                shared.wakeup.descriptor.rawValue, interest: [.read], userData: 0)) != nil
        else { return }
        _ = try? epoll.wait(into: &events, timeoutMilliseconds: Int32(milliseconds))
        shared.wakeup.reset()
    }

    /// Returns when the courier has ended, or stands still.
    private func serve(_ child: consuming SpawnedProcess) throws(Errno) {
        let number = child.number
        shared.state.withLock { state in
            state.starts += 1
            state.process = number
        }
        var underWay: [UInt64: UnderWay] = [:]
        do throws(Errno) {
            try exchange(child.socket.socket, &underWay)
        } catch {
            // The courier is gone: what was under way has failed.
        }
        shared.state.withLock { state in
            state.process = nil
            state.underWay = 0
        }
        // It lives until here: what is left of it is killed.
        _ = consume child
        for (number, one) in underWay {
            one.completion(.failed(number, "the courier ended before an answer came"))
        }
    }

    private func exchange(
        _ socket: SocketHandle, _ underWay: inout [UInt64: UnderWay]
    ) throws(Errno) {
        var channel = CourierChannel(on: socket)
        let epoll = try Epoll()
        var events = EventBuffer(capacity: 2)
        try epoll.add(shared.wakeup.descriptor.rawValue, interest: [.read], userData: 0)
        try epoll.add(socket.rawValue, interest: [.read], userData: 1)
        var watchesWrite = false
        var heardAt = MonotonicInstant.now()
        while true {
            shared.wakeup.reset()
            let (waiting, isStopped) = shared.state.withLock { state in
                defer {
                    state.underWay += state.waiting.count
                    state.waiting = []
                }
                return (state.waiting, state.isStopped)
            }
            let now = MonotonicInstant.now()
            for one in waiting {
                channel.post(one.job)
                let milliseconds = Int64(one.job.timeoutMilliseconds) + Self.graceMilliseconds
                underWay[one.job.number] = UnderWay(
                    since: now, deadline: now.adding(milliseconds: milliseconds),
                    completion: one.completion)
            }
            if isStopped
                || underWay.values.contains(where: { $0.deadline < now && heardAt <= $0.since })
            {
                return
            }
            endOverdue(&underWay, at: now)
            try channel.flush()
            if watchesWrite == channel.isFlushed {
                watchesWrite.toggle()
                try epoll.modify(
                    socket.rawValue, interest: watchesWrite ? [.read, .write] : [.read],
                    userData: 1)
            }
            try epoll.wait(into: &events, timeoutMilliseconds: underWay.isEmpty ? -1 : 1_000)
            guard let outcomes = try channel.receive(CourierOutcome.self) else { return }
            if !outcomes.isEmpty { heardAt = .now() }
            for outcome in outcomes {
                guard let one = underWay.removeValue(forKey: outcome.number) else { continue }
                shared.state.withLock { $0.underWay -= 1 }
                one.completion(outcome)
            }
        }
    }

    /// Requests that take too long in a courier that answers others.
    private func endOverdue(_ underWay: inout [UInt64: UnderWay], at now: MonotonicInstant) {
        for (number, one) in underWay where one.deadline < now {
            underWay[number] = nil
            shared.state.withLock { $0.underWay -= 1 }
            one.completion(.failed(number, "no answer came in time"))
        }
    }

    private func failWaiting(_ error: String) {
        let waiting = shared.state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting
        }
        for one in waiting { one.completion(.unsent(one.job.number, error)) }
    }
}
