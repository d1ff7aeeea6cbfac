import Ledger
import Linux
import Reactor
import Storage
import Synchronization
import Time

/// Holds the wall clock against the books, for all threads (rule B16).
///
/// Time that has passed on the clock that nobody sets is believed. When the wall clock goes another way,
/// the step is judged: one back, or one further ahead than the limit, is doubted until the clock is set
/// right or an operator confirms it. Meanwhile time goes on from where it was.
///
/// A turn of a shard costs some loads here, as long as nothing is wrong.
final class BooksClock: Sendable {
    private let source: TimeSource
    private let aheadMilliseconds: Int64
    private let log: GatewayLog?

    /// What the wall clock is believed to be ahead of the monotonic one, in milliseconds.
    private let offset: Atomic<Int64>
    private let isDoubted = Atomic<Bool>(false)

    /// When the next sign of life is due, in nanoseconds of the monotonic clock.
    private let nextBeat: Atomic<Int64>
    private let state = Mutex(State())

    /// Held while one is put in the ledger's queue.
    private let sending = Mutex(())

    private struct State {
        var doubt: ClockDoubt?
        var beatAt: MonotonicInstant?
    }

    /// Between two signs of life, in milliseconds.
    private static let beatMilliseconds: Int64 = 60_000

    /// What a clock may be off that is slewed or read a moment later.
    private static let toleranceMilliseconds: Int64 = 3_000

    /// - Parameter aheadHours: 0: the clock is not looked at.
    init(_ source: TimeSource, aheadHours: Int, log: GatewayLog?) {
        self.source = source
        aheadMilliseconds = Int64(aheadHours) * 3_600_000
        self.log = log
        offset = Atomic(Self.offset(source.wall, source.monotonic))
        nextBeat = Atomic(source.monotonic.nanoseconds)
    }

    /// Why nothing is consumed now; `nil` when all is well.
    var doubt: ClockDoubt? {
        isDoubted.load(ordering: .acquiring) ? state.withLock { $0.doubt } : nil
    }

    /// The first sign of life, at the start: tells the books what to look at, and asks what they know. On a
    /// full disk the next one tells them.
    func begin(with ledger: Ledger) throws(StoreError) {
        let (wall, monotonic) = (source.wall, source.monotonic)
        let action = Action.clock(
            .beat(aheadMilliseconds: UInt64(aheadMilliseconds), elapsedMilliseconds: 0))
        do throws(StoreError) {
            _ = try ledger.carryOutAtStart(action, at: wall)
            state.withLock { $0.beatAt = monotonic }
        } catch {
            log?.say(
                .warning, "the books can't be given a sign of life now", .init("error", "\(error)"))
        }
        let found = try ledger.read { books, transaction throws(StoreError) in
            try books.time(at: wall, in: transaction)
        }
        offset.store(Self.offset(found.time, monotonic), ordering: .relaxed)
        nextBeat.store(
            monotonic.adding(milliseconds: Self.beatMilliseconds).nanoseconds,
            ordering: .releasing)
        if let doubt = found.doubt { state.withLock { set(doubt, &$0) } }
    }

    /// The wall clock.
    var now: Timestamp { source.wall }

    // MARK: Reading

    /// What time it is to the books: `wall`, unless that is doubted.
    func time(wall: Timestamp, monotonic: MonotonicInstant) -> Timestamp {
        guard aheadMilliseconds > 0 else { return wall }
        let believed = offset.load(ordering: .relaxed)
        let drift = Self.offset(wall, monotonic) - believed
        if drift.magnitude <= Self.toleranceMilliseconds,
            !isDoubted.load(ordering: .acquiring)
        {
            // A clock that is slewed is followed.
            if drift.magnitude > 50 { offset.store(believed + drift, ordering: .relaxed) }
            return wall
        }
        return judge(wall, monotonic)
    }

    /// The wall clock was set, or is doubted already.
    private func judge(_ wall: Timestamp, _ monotonic: MonotonicInstant) -> Timestamp {
        state.withLock { state in
            let believed = Timestamp(
                milliseconds: monotonic.milliseconds + offset.load(ordering: .relaxed))
            var known = believed
            // What a clock is behind of stands still, so that it can be caught up with.
            if case .behind(let since) = state.doubt { known = since }
            if wall >= known.adding(milliseconds: -Self.toleranceMilliseconds),
                wall.milliseconds(since: believed) <= aheadMilliseconds
            {
                offset.store(Self.offset(wall, monotonic), ordering: .relaxed)
                set(nil, &state)
                return wall
            }
            if wall < known {
                set(.behind(known: known), &state)
            } else if case .ahead = state.doubt {
                // As it was: the log is told once.
            } else {
                set(.ahead(known: known), &state)
            }
            return believed
        }
    }

    /// An operator has confirmed the clock.
    func confirm() {
        let (wall, monotonic) = (source.wall, source.monotonic)
        state.withLock { state in
            offset.store(Self.offset(wall, monotonic), ordering: .relaxed)
            set(nil, &state)
        }
    }

    private func set(_ doubt: ClockDoubt?, _ state: inout State) {
        guard state.doubt != doubt else { return }
        state.doubt = doubt
        isDoubted.store(doubt != nil, ordering: .releasing)
        if let doubt {
            log?.say(
                .error, "no code is consumed: the clock is doubted", .init("reason", "\(doubt)"))
        } else {
            log?.say(.notice, "the clock is believed again")
        }
    }

    // MARK: Signs of life

    /// Writes one when it is due and the clock is believed. When this returns, it is in the ledger's
    /// queue, in front of what the caller submits next.
    func beatIfDue(at monotonic: MonotonicInstant, wall: Timestamp, _ ledger: Ledger) {
        guard monotonic.nanoseconds >= nextBeat.load(ordering: .acquiring),
            aheadMilliseconds > 0, !isDoubted.load(ordering: .acquiring)
        else { return }
        sending.withLock { _ in
            guard monotonic.nanoseconds >= nextBeat.load(ordering: .acquiring) else { return }
            let last = state.withLock { $0.beatAt }
            let elapsed = last.map { monotonic.milliseconds(since: $0) } ?? 0
            let action = Action.clock(
                .beat(
                    aheadMilliseconds: UInt64(aheadMilliseconds),
                    elapsedMilliseconds: UInt64(max(0, elapsed))))
            let command = Command(at: wall, actor: Command.gatewayActor, action: action)
            ledger.submit(command) { [weak self] in self?.beatAnswered($0, at: monotonic) }
            nextBeat.store(
                monotonic.adding(milliseconds: Self.beatMilliseconds).nanoseconds,
                ordering: .releasing)
        }
    }

    /// What has passed since the last one that is in the books is counted by the next.
    private func beatAnswered(
        _ result: Result<Outcome, StoreError>,
        at monotonic: MonotonicInstant
    ) {
        switch result {
        case .success(.refused(.clock(let doubt))): state.withLock { set(doubt, &$0) }
        case .success: state.withLock { $0.beatAt = max($0.beatAt ?? monotonic, monotonic) }
        case .failure: break
        }
    }

    private static func offset(_ wall: Timestamp, _ monotonic: MonotonicInstant) -> Int64 {
        wall.milliseconds - monotonic.milliseconds
    }
}

extension MonotonicInstant {
    fileprivate var milliseconds: Int64 { nanoseconds / 1_000_000 }
}
