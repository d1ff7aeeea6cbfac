import Linux
public import Replication
import Synchronization

/// A log over another one that loses, doubles, delays and reorders, as a network and its servers may, and
/// never changes what is in the log: what `CommandLog` promises holds, and nothing more.
///
/// Nothing happens by itself. `step` moves appends, answers and what followers see on, each a little or not at
/// all, by a seed; so a simulation on one thread can be repeated. `settle` does all that is left. (A log that does not
/// answer at once gives its answers at a later step.)
public final class FaultyLog: CommandLog {
    private let log: any CommandLog
    private let state: Mutex<Turmoil>
    private let followers = Mutex<[FaultyFollower]>([])
    private let said = Mutex<String?>(nil)

    /// - Parameter faults: none until `faults` is set, if left out.
    public init(over log: any CommandLog, seed: UInt64, faults: LogFaults = LogFaults()) {
        self.log = log
        state = Mutex(Turmoil(seed: seed, faults: faults))
    }

    /// What goes wrong from now on.
    public var faults: LogFaults {
        get { state.withLock { $0.faults } }
        set { state.withLock { $0.faults = newValue } }
    }

    // MARK: The log

    public func append(
        _ entry: [UInt8],
        completion: @escaping @Sendable (Result<UInt64, AppendError>) -> Void
    ) {
        guard entry.count <= entryMaximumBytes else {
            return log.append(entry, completion: completion)
        }
        state.withLock { $0.accept(WaitingAppend(entry: entry, completion: completion)) }
    }

    /// A `FaultyFollower`.
    public func follow(from position: UInt64) throws(LogError) -> any LogFollower {
        try followFaultily(from: position)
    }

    public func followFaultily(from position: UInt64) throws(LogError) -> FaultyFollower {
        guard !isStopped else { throw .unreachable("it is stopped") }
        let follower = FaultyFollower(self, try log.follow(from: position), from: position)
        followers.withLock { $0.append(follower) }
        return follower
    }

    public func position() throws(LogError) -> UInt64 {
        guard !isStopped else { throw .unreachable("it is stopped") }
        return try log.position()
    }

    public func first() throws(LogError) -> UInt64 {
        guard !isStopped else { throw .unreachable("it is stopped") }
        return try log.first()
    }

    public func truncate(before position: UInt64) throws(LogError) {
        guard !isStopped else { throw .unreachable("it is stopped") }
        try log.truncate(before: position)
    }

    public var standing: LogStanding {
        if isStopped { return .unreliable("it is stopped") }
        return doubt.map { .unreliable($0) } ?? log.standing
    }

    /// Why it says of itself that it may not be relied on, although it works; `nil` when it may.
    public var doubt: String? {
        get { said.withLock { $0 } }
        set { said.withLock { $0 = newValue } }
    }

    public func close() {
        settle()
        log.close()
        for follower in followers.withLock({ $0 }) { follower.end() }
    }

    // MARK: Faults

    public var isStopped: Bool { state.withLock { $0.isStopped } }

    /// The log can't be reached until `restart`: of what waits to be appended, some is and some is not, and no
    /// answer comes but `unknown`.
    public func stop() {
        let (appends, answers) = state.withLock { $0.stop() }
        for append in appends { log.append(append.entry) { _ in } }
        for answer in answers { answer.completion(.failure(.unknown("it was stopped"))) }
        for follower in followers.withLock({ $0 }) { follower.wake() }
    }

    public func restart() { state.withLock { $0.isStopped = false } }

    /// All that follow now can't have that entry, although they can have later ones: its replica is damaged. `nil`: it
    /// was repaired.
    public func hide(_ position: UInt64?) {
        for follower in followers.withLock({ $0 }) { follower.hide(position) }
    }

    /// Moves on a little.
    public func step() {
        carryOut(state.withLock { $0.step() })
        let last = (try? log.position()) ?? 0
        for follower in followers.withLock({ $0 }) {
            let share = state.withLock { $0.shareToShow() }
            follower.show(share, upTo: last)
        }
    }

    /// Appends, answers and shows all that waits; nothing of it goes wrong any more.
    public func settle() {
        while !state.withLock({ $0.isSettled }) { carryOut(state.withLock { $0.rest() }) }
        let last = (try? log.position()) ?? 0
        for follower in followers.withLock({ $0 }) { follower.show(1_000, upTo: last) }
    }

    private func carryOut(_ moves: Moves) {
        for append in moves.appends {
            log.append(append.entry) { result in
                if let completion = append.completion {
                    self.state.withLock { $0.answer(result, to: completion) }
                }
            }
        }
        for answer in moves.answers { answer.completion(answer.result) }
    }
}

/// One reader of a `FaultyLog`: sees what it has been shown.
public final class FaultyFollower: LogFollower {
    private struct View {
        var position: UInt64
        var shown: UInt64
        var isEnded = false
        var hidden: UInt64?
    }

    private unowned let log: FaultyLog
    private let follower: any LogFollower
    private let view: Monitor<View>

    init(_ log: FaultyLog, _ follower: any LogFollower, from position: UInt64) {
        self.log = log
        self.follower = follower
        view = Monitor(View(position: position, shown: position))
    }

    /// How many entries it can take without waiting.
    public var available: Int { view.look { Int($0.shown - $0.position) } }

    public func take(upTo maximumCount: Int, into entries: inout [LogEntry]) throws(LogError)
        -> Bool
    {
        enum Sight { case entries(Int), nothing, stopped, gap(UInt64) }
        let sight = view.wait { view -> Sight? in
            if view.isEnded { return .nothing }
            if log.isStopped { return .stopped }
            var count = view.shown - view.position
            if let hidden = view.hidden, hidden > view.position, hidden <= view.shown {
                count = hidden - view.position - 1
                if count == 0 { return .gap(hidden) }
            }
            return count == 0 ? nil : .entries(Int(min(count, UInt64(maximumCount))))
        }
        switch sight {
        case nil, .nothing: return false
        case .stopped: throw .unreachable("it is stopped")
        case .gap(let missing): throw .gap(missing: missing)
        case .entries(let count):
            // They are in the log, so this waits for nothing but their way here.
            let before = entries.count
            guard try follower.take(upTo: count, into: &entries) else { return false }
            let taken = UInt64(entries.count - before)
            view.change { $0.position += taken }
            return true
        }
    }

    public func end() {
        view.change { $0.isEnded = true }
        follower.end()
    }

    /// The entry can't be had, although later ones can, until it is shown again (`nil`).
    func hide(_ position: UInt64?) { view.change { $0.hidden = position } }

    /// Those that wait look again.
    func wake() { view.change { _ in } }

    /// Shows some, in a thousand, of what is not shown yet; at least one entry, unless it is to be none.
    func show(_ share: Int, upTo last: UInt64) {
        guard share > 0 else { return }
        view.change { view in
            guard last > view.shown else { return }
            let new = last - view.shown
            view.shown += min(new, max(1, new * UInt64(share) / 1_000))
        }
    }
}
