internal import Linux
internal import Replication
internal import Synchronization

/// One reader of the log: entry after entry, whatever becomes of servers and connections.
///
/// A server's own reader leaves out what its replica has lost, and says nothing. So each position is counted, and one
/// that is left out is asked for by itself until a replica has it, or until all have been asked often enough.
final class JetStreamFollower: LogFollower {
    /// How often replicas are asked for an entry that was left out. Each time another one may answer.
    private static let repairAttempts = 24

    private struct Reading {
        /// The position of the last entry that was given.
        var last: UInt64

        /// Up to where the log has entries, as far as is known.
        var reach: UInt64
        var pull: Pull?

        /// One that came before those it follows.
        var held: LogEntry?

        /// Whether nothing has come since the last request was over.
        var isQuiet = false
    }

    private let api: StreamAPI
    private let identity: StreamIdentity

    /// For the one thread that takes.
    private let reading: Mutex<Reading>
    private let isEnded = Atomic<Bool>(false)

    /// What the thread may wait for.
    private let awaited = Mutex<NATSSubscription?>(nil)

    init(_ api: StreamAPI, _ identity: StreamIdentity, from position: UInt64) {
        self.api = api
        self.identity = identity
        reading = Mutex(Reading(last: position, reach: position))
    }

    func end() {
        isEnded.store(true, ordering: .sequentiallyConsistent)
        awaited.withLock { $0 }?.end()
    }

    func take(upTo maximumCount: Int, into entries: inout [LogEntry]) throws(LogError) -> Bool {
        precondition(maximumCount > 0, "nothing to be waited for")
        var taken: [LogEntry] = []
        do throws(LogError) {
            try reading.withLock { reading throws(LogError) in
                try fill(&taken, upTo: maximumCount, &reading)
            }
        } catch {
            // What was taken is right; the fault comes again with the next call, if it stays.
            if taken.isEmpty, !isOver { throw error }
        }
        entries.append(contentsOf: taken)
        return !taken.isEmpty
    }

    private var isOver: Bool {
        isEnded.load(ordering: .sequentiallyConsistent) || api.link.isClosed
    }

    /// Waits for entries, and takes those that are there.
    private func fill(
        _ taken: inout [LogEntry],
        upTo maximumCount: Int,
        _ reading: inout Reading
    ) throws(LogError) {
        let patience = api.settings.patienceMilliseconds
        var deadline = MonotonicInstant.now().adding(milliseconds: patience)
        while !isOver, taken.count < maximumCount {
            if reading.reach > reading.last {
                guard try takeMissing(&taken, &reading) else { return }
                continue
            }
            let sight = look(&reading, waits: taken.isEmpty)
            switch sight {
            case .entry(let entry): taken.append(entry)
            case .later, .behind: break
            case .alive:
                deadline = .now().adding(milliseconds: patience)
            case .nothing:
                if !taken.isEmpty { return }
                try check(&reading)
            case .lost(let why):
                if !taken.isEmpty { return }
                if MonotonicInstant.now() >= deadline { throw .unreachable(why) }
                pause(milliseconds: 100)
                try check(&reading)
            }
        }
    }

    // MARK: What comes by itself

    private enum Sight {
        /// The next one.
        case entry(LogEntry)

        /// One that is not the next: `reach` has it.
        case later

        /// One that was given already.
        case behind

        /// Nothing, from a reader that lives.
        case alive

        /// Nothing for a while: time to see whether there should be something.
        case nothing
        case lost(String)
    }

    /// Waits for what the reader has next, unless it is only to take what is there.
    private func look(_ reading: inout Reading, waits: Bool) -> Sight {
        do throws(StreamAPI.Failure) {
            let pull = try opened(&reading)
            switch pull.look(waits: waits) {
            case .delivery(let delivery): return sight(of: delivery, &reading)
            case .nothing: return .nothing
            case .lost(let why):
                reading.pull = nil
                return .lost(why)
            }
        } catch {
            return .lost(error.text)
        }
    }

    private func opened(_ reading: inout Reading) throws(StreamAPI.Failure) -> Pull {
        if let pull = reading.pull { return pull }
        let pull = try Pull(api, behind: reading.last)
        reading.pull = pull
        awaited.withLock { $0 = pull.subscription }
        return pull
    }

    private func sight(of delivery: Delivery, _ reading: inout Reading) -> Sight {
        switch delivery {
        case .entry(let entry, _) where entry.position == reading.last + 1:
            reading.last = entry.position
            reading.reach = entry.position
            reading.isQuiet = false
            return .entry(entry)
        case .entry(let entry, _) where entry.position > reading.last:
            reading.held = entry
            reading.reach = entry.position
            return .later
        case .entry: return .behind
        case .heartbeat: return .alive
        case .ended(_, let isTimedOut):
            defer { reading.isQuiet = isTimedOut }
            return isTimedOut && reading.isQuiet ? .nothing : .alive
        case .lost:
            reading.pull = nil
            return .lost("the servers have ended the reader")
        }
    }

    // MARK: What does not

    /// Sees whether the log still is what was followed, and whether it has more than the reader gives. When no server
    /// answers that is not seen, and soon asked again.
    private func check(_ reading: inout Reading) throws(LogError) {
        do throws(LogError) {
            let last = try api.last(atLeast: reading.last, of: identity, patience: 0)
            reading.reach = max(reading.reach, last)
        } catch {
            switch error {
            case .unreachable: break
            case .gap, .truncated, .refused, .rewound, .begunAnew, .closed: throw error
            }
        }
    }

    /// Takes the entry behind the last one from any replica. False when it is over.
    private func takeMissing(
        _ taken: inout [LogEntry],
        _ reading: inout Reading
    ) throws(LogError) -> Bool {
        let missing = reading.last + 1
        if let held = reading.held, held.position == missing {
            reading.held = nil
            reading.last = missing
            taken.append(held)
            return true
        }
        guard let entry = try repaired(missing) else { return false }
        reading.last = missing
        taken.append(entry)
        return true
    }

    private func repaired(_ position: UInt64) throws(LogError) -> LogEntry? {
        var attempts = 0
        var silence: String?
        let deadline = MonotonicInstant.now().adding(
            milliseconds: api.settings.patienceMilliseconds)
        while !isOver {
            do throws(StreamAPI.Failure) {
                if let entry = try api.entry(at: position) { return entry }
                attempts += 1
            } catch {
                silence = error.text
            }
            if attempts >= Self.repairAttempts { throw try absence(of: position) }
            if MonotonicInstant.now() >= deadline {
                throw .unreachable(silence ?? "no replica answers for entry \(position)")
            }
            pause(milliseconds: 50)
        }
        return nil
    }

    /// Why no replica has it: it was let go of, or lost.
    private func absence(of position: UInt64) throws(LogError) -> LogError {
        let patience = api.settings.patienceMilliseconds
        guard let info = try api.infoNow(of: identity, patience), info.first > position else {
            return .gap(missing: position)
        }
        return .truncated(first: info.first, asked: position - 1)
    }

    /// Lets time go by, in steps that end soon enough when it is over.
    private func pause(milliseconds: Int64) {
        if !isOver { _ = api.link.pause(milliseconds: milliseconds) }
    }
}

extension StreamAPI {
    /// The position of the stream's last entry.
    ///
    /// - Parameters:
    ///   - asked: what must be there. A stream that ends before it is asked again for a while.
    ///   - patience: in milliseconds, while no server answers.
    func last(
        atLeast asked: UInt64,
        of identity: StreamIdentity,
        patience: Int64
    ) throws(LogError) -> UInt64 {
        let settled = MonotonicInstant.now().adding(milliseconds: settings.settleMilliseconds)
        while true {
            let last = try lastNow(of: identity, patience)
            if last >= asked { return last }
            if MonotonicInstant.now() >= settled { throw .rewound(last: last, asked: asked) }
            if !link.pause(milliseconds: 100) { throw .closed }
        }
    }

    /// A stream that is not there any more ends at 0.
    private func lastNow(
        of identity: StreamIdentity, _ patience: Int64
    ) throws(LogError) -> UInt64 {
        try infoNow(of: identity, patience)?.last ?? 0
    }

    /// What the servers say of the stream; `nil` when it is not there any more.
    func infoNow(
        of identity: StreamIdentity, _ patience: Int64
    ) throws(LogError) -> StreamInfo? {
        let info: StreamInfo
        do throws(Failure) {
            info = try patiently(patience) { () throws(Failure) -> StreamInfo in try self.info() }
        } catch {
            switch error {
            case .refused(Code.streamNotFound, _): return nil
            case .closed: throw .closed
            case .noAnswer(let why), .refused(_, let why): throw .unreachable(why)
            }
        }
        guard info.clusterID == identity.cluster else {
            throw .unreachable("stream \(settings.stream) belongs to another cluster now")
        }
        guard let generation = info.generation?.number, generation != identity.generation else {
            return info
        }
        throw .begunAnew(generation: generation)
    }
}
