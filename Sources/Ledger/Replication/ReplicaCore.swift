import Replication
import Storage
import Synchronization

/// What the threads of a `Replica` have in common: commands come in from all threads, the sender takes them
/// to the log, the writer brings back what became of them.
final class ReplicaCore: Sendable {
    typealias Completion = @Sendable (Result<Outcome, StoreError>) -> Void

    /// Between two tries at what has failed, in milliseconds.
    private static let retryMilliseconds: Int64 = 500

    private let membership: ClusterMembership
    private let books: Books
    private let environment: Environment
    private let maximumWaiting: Int
    private let announce: @Sendable () -> Void
    private let state: Mutex<State>
    private let clock = ContinuousClock()
    private let beginning: ContinuousClock.Instant

    /// How the writer reads the log: `nil` until that can be reached for the first time. A node starts without
    /// it, and serves what its books know.
    private let reading: Mutex<Reading>

    private struct Reading {
        let begin: UInt64
        var follower: (any LogFollower)?

        /// Whether it is the log that the books are to follow.
        var isRight = false
        var isEnded = false

        /// Since when the log is said to end before what was applied.
        var rewoundSince: Int64?
    }

    /// Rings when the sender has something to do, and to end a pause of the writer's.
    private let senderBell = Semaphore()
    private let writerBell = Semaphore()

    private struct State {
        var window: ProposalWindow<Completion>
        var marks: MarkHistory
        var places: OwnPlaces

        /// How far the books had come when this process began, and where the log ended when it was first asked,
        /// which is to be applied before the hello.
        let begin: UInt64
        var end: UInt64?
        var isHelloDue = true
        var isSenderAsleep = false

        /// Nothing more is taken; it ends when all is answered, or then (milliseconds).
        var closesAt: Int64?

        /// For good, until a person has looked.
        var stop: StoreError?

        /// The log is another one than the one that was followed: nothing of it is applied any more.
        var isSetBack = false

        /// What keeps it from going on now, and may pass.
        var trouble: String?

        /// Where the log ended when it was heard of last.
        var heard: UInt64 = 0

        /// The last checkpoint of a person, until its snapshot is taken.
        var question: BooksQuestion?

        /// Wait for the sender to look at the log's length.
        var truncations: [Truncation] = []
    }

    private struct Truncation {
        let keeping: UInt64
        let completion: @Sendable (LogTruncation) -> Void
    }

    init(
        _ books: Books, in environment: Environment, _ membership: ClusterMembership,
        maximumWaiting: Int, announce: @escaping @Sendable () -> Void
    ) throws(StoreError) {
        self.books = books
        self.environment = environment
        self.membership = membership
        self.maximumWaiting = maximumWaiting
        self.announce = announce
        beginning = clock.now
        let found = try environment.write { transaction throws(StoreError) in
            try books.join(membership.cluster, behind: 0, in: transaction)
            return (
                mark: try books.mark(in: transaction), members: try books.members(in: transaction)
            )
        }
        guard let mark = found.mark else { throw LogStop.notJoined.error }
        if found.members.contains(where: { $0.node == membership.node && $0.isRemoved }) {
            throw LogStop.removed(membership.node).error
        }
        reading = Mutex(Reading(begin: mark.position))
        state = Mutex(
            State(
                window: ProposalWindow(
                    cluster: membership.cluster, node: membership.node, epoch: membership.epoch),
                marks: MarkHistory(of: membership.node, mark, members: found.members),
                places: OwnPlaces(behind: mark.position),
                begin: mark.position))
    }

    /// Milliseconds since this was made, by the monotonic clock.
    private var now: Int64 {
        let elapsed = (clock.now - beginning).components
        return elapsed.seconds * 1_000 + elapsed.attoseconds / 1_000_000_000_000_000
    }

    // MARK: From all threads

    func submit(_ command: Command, completion: @escaping Completion) {
        let (refusal, mustWake) = state.withLock { state -> (StoreError?, Bool) in
            if let stop = state.stop { return (stop, false) }
            if state.closesAt != nil { return (.shutDown, false) }
            if state.window.count >= maximumWaiting { return (.queueFull, false) }
            state.window.add(command, completion)
            defer { state.isSenderAsleep = false }
            return (nil, state.isSenderAsleep)
        }
        if let refusal { completion(.failure(refusal)) }
        if mustWake { senderBell.signal() }
    }

    var standing: ClusterStanding {
        state.withLock { state in
            let phase: ClusterStanding.Phase =
                if let stop = state.stop {
                    .stopped(why: stop.description)
                } else {
                    state.window.phase == .open ? .open : .joining
                }
            return ClusterStanding(
                phase: phase, mark: state.marks.last, trouble: state.trouble,
                waiting: state.window.count, end: max(state.heard, state.marks.last.position),
                lastEntryAt: state.marks.lastAt, lastNews: state.marks.lastNews,
                node: membership.node,
                members: state.marks.members.values.sorted { $0.node < $1.node },
                nodes: state.marks.peers, question: state.marks.question,
                digests: state.marks.digests)
        }
    }

    var waiting: Int { state.withLock { $0.window.count } }

    /// Takes nothing more; the sender ends when all that waits is answered, or after that time.
    func close(withinMilliseconds limit: Int64) {
        state.withLock { $0.closesAt = now + limit }
        senderBell.signal()
    }

    /// Ends the writer. What is left of the commands is answered that it was shut down: what becomes of them
    /// is not known.
    func end() {
        let follower = reading.withLock { reading in
            reading.isEnded = true
            return reading.follower
        }
        follower?.end()
        writerBell.signal()
        giveUp(.shutDown)
    }

    private func giveUp(_ reason: StoreError) {
        let (left, truncations) = state.withLock { state in
            defer { state.truncations.removeAll() }
            return (state.window.giveUp(), state.truncations)
        }
        for completion in left { completion(.failure(reason)) }
        for truncation in truncations { truncation.completion(.failed(reason.description)) }
    }

    /// Has the sender look how long the log is, and let go of what all members have applied, but for so many.
    func truncate(keeping: UInt64, completion: @escaping @Sendable (LogTruncation) -> Void) {
        let refusal = state.withLock { state -> StoreError? in
            if let stop = state.stop { return stop }
            if state.closesAt != nil { return .shutDown }
            state.truncations.append(Truncation(keeping: keeping, completion: completion))
            return nil
        }
        if let refusal { completion(.failed(refusal.description)) }
        wakeSender()
    }

    private func stop(_ reason: StoreError) {
        state.withLock { $0.stop = $0.stop ?? reason }
        giveUp(reason)
        wakeSender()
    }

    private func wakeSender() {
        let mustWake = state.withLock { state in
            defer { state.isSenderAsleep = false }
            return state.isSenderAsleep
        }
        if mustWake { senderBell.signal() }
    }

    // MARK: The sender's thread

    /// Takes envelopes to the log until this is closed, or stopped.
    func send() {
        while true {
            let doubt = membership.log.standing.doubt
            if doubt == nil { sayHello() }
            truncate(doubt)
            let round = state.withLock { state -> Round in
                let now = now
                if state.stop != nil { return .over }
                if let closesAt = state.closesAt, state.window.count == 0 || now >= closesAt {
                    return .over
                }
                // What it would acknowledge might not be on the disks of a majority.
                if let doubt {
                    state.trouble = doubt
                    return .wait(Self.retryMilliseconds)
                }
                let sendings = state.window.due(at: now, state.marks.last)
                let tooLarge = state.window.takeTooLarge()
                if !sendings.isEmpty || !tooLarge.isEmpty { return .send(sendings, tooLarge) }
                state.isSenderAsleep = true
                let times = [
                    state.window.wakeAt, state.closesAt,
                    state.isHelloDue ? now + Self.retryMilliseconds : nil,
                ]
                return .wait(times.compactMap { $0 }.min().map { max(0, $0 - now) })
            }
            switch round {
            case .over: return
            case .send(let sendings, let tooLarge):
                for sending in sendings { append(sending) }
                for (completion, bytes) in tooLarge {
                    completion(
                        .failure(
                            .requestTooLarge(bytes: bytes, maximumBytes: Envelope.maximumBytes)))
                }
            case .wait(let milliseconds?): senderBell.wait(milliseconds: milliseconds)
            case .wait(nil): senderBell.wait()
            }
        }
    }

    private enum Round {
        case over
        case send(
            [ProposalWindow<Completion>.Sending],
            tooLarge: [(ticket: Completion, bytes: Int)])

        /// Nothing to do for that long, in milliseconds, or until it is woken.
        case wait(Int64?)

        static func send(
            _ sendings: [ProposalWindow<Completion>.Sending],
            _ tooLarge: [(ticket: Completion, bytes: Int)]
        ) -> Round { .send(sendings, tooLarge: tooLarge) }
    }

    private func truncate(_ doubt: String?) {
        let due = state.withLock { state in
            defer { state.truncations.removeAll() }
            return state.truncations
        }
        for truncation in due {
            truncation.completion(doubt.map { .failed($0) } ?? truncated(truncation.keeping))
        }
    }

    /// A log that may not be relied on is left as it is.
    private func truncated(_ keeping: UInt64) -> LogTruncation {
        do throws(LogError) {
            let last = try membership.log.position()
            let members = state.withLock { state in
                state.heard = max(state.heard, last)
                return Array(state.marks.members.values)
            }
            guard let position = members.truncatablePosition(keeping: keeping),
                position > (try membership.log.first())
            else { return .none }
            try membership.log.truncate(before: position)
            return .done(before: position)
        } catch {
            return .failed(error.description)
        }
    }

    private func append(_ sending: ProposalWindow<Completion>.Sending) {
        membership.log.append(sending.bytes) { [weak self] result in
            guard let self else { return }
            switch result {
            case .success(let position): acknowledged(sending.number, at: position)
            case .failure(let error):
                note(trouble: error.description)
                state.withLock { $0.window.failed(sending.number) }
                wakeSender()
            }
        }
    }

    private func acknowledged(_ number: UInt64, at position: UInt64) {
        let applied = state.withLock { state -> UInt64? in
            if state.places.contradict(position, of: number) {
                state.isSetBack = true
                return state.marks.last.position
            }
            state.trouble = nil
            state.heard = max(state.heard, position)
            return nil
        }
        guard let applied else { return }
        stop(LogStop.rewound(last: position, applied: applied).error)
        reading.withLock { $0.follower }?.end()
    }

    private func note(trouble: String?) { state.withLock { $0.trouble = trouble } }

    /// When all that the log had at the start was applied: what comes behind the hello is of this process.
    private func sayHello() {
        let (isDue, begin, known) = state.withLock { state in
            (state.isHelloDue && state.stop == nil, state.begin, state.end)
        }
        guard isDue else { return }
        do {
            guard try isRightLog() else { return }
            let last = try known ?? membership.log.position()
            // Whether it was set back is for who follows it to find out; until then it is asked again.
            if last < begin {
                note(trouble: LogStop.rewound(last: last, applied: begin).description)
                return
            }
            let isThere = state.withLock { state in
                state.end = last
                state.heard = max(state.heard, last)
                return state.marks.last.position >= last
            }
            guard isThere else { return }
            let known = try environment.read { transaction throws(StoreError) in
                try books.epoch(of: membership.node, in: transaction)
            }
            let sending = state.withLock { state in
                state.isHelloDue = false
                return state.window.join(after: known, at: now, state.marks.last)
            }
            append(sending)
        } catch {
            note(trouble: "\(error)")
        }
    }

    // MARK: The writer's thread

    /// Waits for entries of the log. A gap is waited for, and never passed over.
    func take(_ maximum: Int, _ entries: inout [LogEntry]) -> Bool {
        while true {
            do throws(LogError) {
                guard let follower = try follower() else { return false }
                let goesOn = try follower.take(upTo: maximum, into: &entries)
                reading.withLock { $0.rewoundSince = nil }
                if state.withLock({ $0.isSetBack }) {
                    entries.removeAll()
                    return false
                }
                return goesOn
            } catch {
                switch error {
                case .closed: return false
                case .rewound(let last, let asked):
                    let why = LogStop.rewound(last: last, applied: asked)
                    if hasBeenRewound() {
                        stop(why.error)
                        return false
                    }
                    note(trouble: why.description)
                    writerBell.wait(milliseconds: Self.retryMilliseconds)
                case .truncated(let first, let asked):
                    stop(LogStop.truncated(first: first, applied: asked).error)
                    return false
                case .begunAnew(let generation):
                    stop(LogStop.replaced(generation: generation).error)
                    return false
                case .unreachable, .gap, .refused:
                    note(trouble: error.description)
                    writerBell.wait(milliseconds: Self.retryMilliseconds)
                }
            }
        }
    }

    /// Whether the log has been said to end too early for so long that it does.
    private func hasBeenRewound() -> Bool {
        let now = now
        return reading.withLock { reading in
            let since = reading.rewoundSince ?? now
            reading.rewoundSince = since
            return now - since >= membership.rewoundMilliseconds
        }
    }

    /// `nil` when it is over.
    private func follower() throws(LogError) -> (any LogFollower)? {
        let (known, begin, isEnded) = reading.withLock { ($0.follower, $0.begin, $0.isEnded) }
        if isEnded { return nil }
        if let known { return known }
        guard try isRightLog() else { return nil }
        let follower = try membership.log.follow(from: begin)
        let isOver = reading.withLock { reading in
            reading.follower = follower
            return reading.isEnded
        }
        if isOver { follower.end() }
        return isOver ? nil : follower
    }

    /// Whether the log is the one that the books follow, or was begun anew from them. If it is not, this has stopped.
    private func isRightLog() throws(LogError) -> Bool {
        if reading.withLock({ $0.isRight }) { return true }
        let generation = try membership.log.generation()
        do throws(StoreError) {
            try environment.write { transaction throws(StoreError) in
                try books.follow(generation, in: transaction)
            }
        } catch {
            guard case .stopped = error else {
                throw .unreachable("which one it is can't be written down: \(error)")
            }
            stop(error)
            return false
        }
        reading.withLock { $0.isRight = true }
        return true
    }

    /// Entries were applied, and are on the disk.
    func saw(_ applied: [AppliedEntry]) {
        // Before the question is announced, so that it is there then.
        if let last = applied.last, last.isQuestion { note(question: last.mark) }
        announce()
        let isRemoved = applied.contains { $0.removed.contains(membership.node) }
        let (answers, divergence, hasLost) = state.withLock { state in
            var answers: [(ticket: Completion, outcome: Outcome)] = []
            for entry in applied {
                state.marks.add(entry)
                state.places.add(entry.mark.position, number: number(of: entry.envelope))
                guard entry.envelope.sender == membership.node else { continue }
                if state.window.mustJoinAgain(after: entry) { state.isHelloDue = true }
                answers += state.window.saw(entry)
            }
            state.trouble = nil
            return (answers, state.marks.divergence, state.window.phase == .superseded)
        }
        for answer in answers { answer.ticket(.success(answer.outcome)) }
        if isRemoved { stop(LogStop.removed(membership.node).error) }
        if let divergence { stop(divergence.error) }
        if hasLost { stop(LogStop.superseded(membership.node).error) }
        wakeSender()
    }

    /// Takes a snapshot of the books behind the question: they are as it was asked until this thread writes again.
    /// One that was asked before this process was has had its answer, or never will.
    private func note(question mark: LogMark) {
        guard let end = state.withLock({ $0.end }), mark.position > end,
            let snapshot = try? Snapshot(of: environment)
        else { return }
        let question = BooksQuestion(mark: mark, books: books, snapshot: snapshot)
        state.withLock { $0.question = question }
    }

    /// The last checkpoint of a person that was not answered, once.
    func takeQuestion() -> BooksQuestion? {
        state.withLock { state in
            defer { state.question = nil }
            return state.question
        }
    }

    /// `nil` of an envelope that this process has not sent.
    private func number(of envelope: Envelope) -> UInt64? {
        guard envelope.sender == membership.node, envelope.epoch == membership.epoch else {
            return nil
        }
        return envelope.number
    }

    /// Entries could not be written; false when that is for good.
    func failed(_ error: StoreError) -> Bool {
        if case .stopped = error {
            stop(error)
            return false
        }
        note(trouble: error.description)
        writerBell.wait(milliseconds: Self.retryMilliseconds)
        return state.withLock { $0.closesAt == nil }
    }
}
