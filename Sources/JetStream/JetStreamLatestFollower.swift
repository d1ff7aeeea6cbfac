internal import Linux
internal import Replication
internal import Synchronization
internal import Time

/// One reader of the latest records, whatever becomes of servers and connections.
///
/// Positions have gaps, so that a record which a replica has lost is not seen by its position. It is seen by counting:
/// when the reader has nothing more, as many messages as the servers have behind some position must have come for
/// different keys. If there were fewer, another reader begins at that position, perhaps on another replica, and what
/// had not come is handed on late.
final class JetStreamLatestFollower: LatestFollower {
    /// How often is read again before a record counts as lost.
    private static let rereadings = 5

    /// Between two counts while records come.
    private static let countMilliseconds: Int64 = 30_000

    /// How old a mark becomes while none come.
    private static let markMilliseconds: Int64 = 3_600_000

    private struct Reading {
        /// Where to begin; `nil` for everything. Until `hasBegun`.
        var begin: LatestMark?

        /// The mark was one in an earlier stream.
        let isAnew: Bool
        var hasBegun = false

        /// The position of the last record that was given.
        var last: UInt64 = 0
        var pull: Pull?

        /// The number of the last entry among the reader's.
        var number: UInt64 = 0
        var window = Window(since: 0)
        var isCurrent = false
        var countedAt = MonotonicInstant.now()

        /// How often was found that there is more, while the reader was silent.
        var silences = 0

        /// How often the window has been read again; 0: it is read for the first time.
        var rereading = 0
    }

    /// What has come since all was last known to have come.
    private struct Window {
        let since: UInt64

        /// The hashes of the keys.
        var keys: Set<Int> = []
    }

    private let api: StreamAPI
    private let identity: StreamIdentity
    private let memory: DeletionMemory

    /// For the one thread that takes.
    private let reading: Mutex<Reading>
    private let isEnded = Atomic<Bool>(false)

    /// What the thread may wait for.
    private let awaited = Mutex<NATSSubscription?>(nil)

    init(
        _ api: StreamAPI, _ identity: StreamIdentity, _ memory: DeletionMemory,
        from mark: LatestMark?, of generation: UInt64
    ) {
        self.api = api
        self.identity = identity
        self.memory = memory
        let isAnew = mark != nil && generation != identity.generation
        reading = Mutex(Reading(begin: isAnew ? nil : mark, isAnew: isAnew))
    }

    var generation: UInt64 { identity.generation }

    func end() {
        isEnded.store(true, ordering: .sequentiallyConsistent)
        awaited.withLock { $0 }?.end()
    }

    func take(upTo maximumCount: Int, into changes: inout [LatestChange]) throws(LogError) -> Bool {
        precondition(maximumCount > 0, "nothing to be waited for")
        var taken: [LatestChange] = []
        do throws(LogError) {
            try reading.withLock { reading throws(LogError) in
                try fill(&taken, upTo: maximumCount, &reading)
            }
        } catch {
            // What was taken is right; the fault comes again with the next call, if it stays.
            if taken.isEmpty, !isOver { throw error }
        }
        changes += taken
        return !taken.isEmpty
    }

    private var isOver: Bool {
        isEnded.load(ordering: .sequentiallyConsistent) || api.link.isClosed
    }

    /// Waits for changes, and takes those that are there.
    private func fill(
        _ taken: inout [LatestChange],
        upTo maximumCount: Int,
        _ reading: inout Reading
    ) throws(LogError) {
        let patience = api.settings.patienceMilliseconds
        var deadline = MonotonicInstant.now().adding(milliseconds: patience)
        if !reading.hasBegun { try begin(&taken, &reading) }
        while !isOver, taken.count < maximumCount {
            let sight = look(&reading, waits: taken.isEmpty)
            switch sight {
            case .record(let record, let isLast):
                taken.append(.record(record))
                if isLast, isCountDue(reading) { try count(&taken, isSilent: false, &reading) }
            case .known: break
            case .silence:
                deadline = .now().adding(milliseconds: patience)
                if isCountDue(reading) { try count(&taken, isSilent: true, &reading) }
            case .nothing:
                if !taken.isEmpty { return }
            case .lost(let why):
                if !taken.isEmpty { return }
                if MonotonicInstant.now() >= deadline { throw .unreachable(why) }
                if !isOver { _ = api.link.pause(milliseconds: 100) }
            }
        }
    }

    /// Looks whether the stream can tell what has changed since the mark.
    private func begin(
        _ taken: inout [LatestChange],
        _ reading: inout Reading
    ) throws(LogError) {
        let now = try now(api.settings.patienceMilliseconds)
        var start: UInt64 = 0
        if let mark = reading.begin {
            _ = try api.last(atLeast: mark.position, of: identity, patience: 0)
            if now.milliseconds(since: mark.at) <= memory.markSeconds * 1_000 {
                start = mark.position
            }
        }
        if start == 0 { taken.append(.beginning(isAnew: reading.isAnew)) }
        reading.last = start
        reading.window = Window(since: start)
        reading.hasBegun = true
    }

    // MARK: What comes by itself

    private enum Sight {
        /// One that is to be given; whether the reader has no more.
        case record(LatestRecord, isLast: Bool)

        /// One that was given already.
        case known

        /// Nothing, from a reader that lives.
        case silence
        case nothing
        case lost(String)
    }

    /// Waits for what the reader has next, unless it is only to take what is there.
    private func look(_ reading: inout Reading, waits: Bool) -> Sight {
        do throws(StreamAPI.Failure) {
            guard let pull = reading.pull else { return try open(&reading) }
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

    /// Makes a reader.
    private func open(_ reading: inout Reading) throws(StreamAPI.Failure) -> Sight {
        let start = reading.rereading > 0 ? reading.window.since : reading.last
        let pull = try Pull(api, behind: start)
        reading.pull = pull
        reading.number = 0
        awaited.withLock { $0 = pull.subscription }
        return pull.countAtStart == 0 ? .silence : .known
    }

    private func sight(of delivery: Delivery, _ reading: inout Reading) -> Sight {
        switch delivery {
        case .entry(let entry, let place):
            guard place.number == reading.number + 1 else {
                reading.pull = nil
                return place.number <= reading.number ? .known : .lost("an entry got lost")
            }
            reading.number = place.number
            guard let record = KeyedRecord.decode(entry) else { return .known }
            return sight(of: record, isLast: place.left == 0, &reading)
        case .heartbeat: return .silence
        case .ended(_, let isTimedOut): return isTimedOut ? .silence : .known
        case .lost:
            reading.pull = nil
            return .lost("the servers have ended the reader")
        }
    }

    private func sight(
        of record: LatestRecord,
        isLast: Bool,
        _ reading: inout Reading
    ) -> Sight {
        let isNew = reading.window.keys.insert(record.key.hashValue).inserted
        guard isNew || record.position > reading.last else { return isLast ? .silence : .known }
        reading.last = max(reading.last, record.position)
        return .record(record, isLast: isLast)
    }

    // MARK: Counting

    private func isCountDue(_ reading: borrowing Reading) -> Bool {
        if !reading.isCurrent || reading.rereading > 0 { return true }
        let age = MonotonicInstant.now().milliseconds(since: reading.countedAt)
        let limit = reading.window.keys.isEmpty ? Self.markMilliseconds : Self.countMilliseconds
        return age >= limit
    }

    /// Sees whether as much has come as there is.
    private func count(
        _ taken: inout [LatestChange],
        isSilent: Bool,
        _ reading: inout Reading
    ) throws(LogError) {
        let time: Timestamp
        let stock: Stock
        do throws(LogError) {
            _ = try api.last(atLeast: reading.last, of: identity, patience: 0)
            time = try now(0)
            stock = try self.stock(reading)
        } catch {
            switch error {
            // Soon again.
            case .unreachable: return
            case .gap, .truncated, .refused, .rewound, .begunAnew, .closed: throw error
            }
        }
        var missing = stock.missing
        if isSilent, stock.left > 0 {
            // It may be on its way.
            reading.silences += 1
            if reading.silences < 3 { return }
            missing += Int(stock.left)
        }
        reading.silences = 0
        if missing > 0, reading.rereading < Self.rereadings {
            reading.rereading += 1
            reading.pull = nil
            return
        }
        reading.isCurrent = true
        reading.rereading = 0
        reading.countedAt = .now()
        reading.window = Window(since: reading.last)
        let mark = LatestMark(position: reading.last, at: time)
        taken.append(.current(mark, missing: missing))
    }

    /// What the servers have behind the window's beginning, beside what came.
    private struct Stock {
        /// Up to the last record that came: how many more there are than have come.
        var missing: Int

        /// Behind it.
        var left: UInt64
    }

    /// Counts a few times, as records come and go between the two questions: what is missing is so each time.
    private func stock(_ reading: borrowing Reading) throws(LogError) -> Stock {
        var stock = Stock(missing: .max, left: 0)
        for attempt in 0..<3 {
            if attempt > 0 { _ = api.link.pause(milliseconds: 100) }
            do throws(StreamAPI.Failure) {
                let all = try api.count(behind: reading.window.since)
                stock.left = try api.count(behind: reading.last)
                let there = Int(all) - Int(stock.left)
                stock.missing = min(stock.missing, max(0, there - reading.window.keys.count))
            } catch {
                throw .unreachable(error.text)
            }
            if stock.missing == 0 { break }
        }
        return stock
    }

    /// The servers' time.
    private func now(_ patience: Int64) throws(LogError) -> Timestamp {
        do throws(StreamAPI.Failure) {
            let info = try api.patiently(patience) { () throws(StreamAPI.Failure) -> StreamInfo in
                try api.info()
            }
            guard let now = info.now else {
                throw StreamAPI.Failure.noAnswer("the servers don't say what time it is")
            }
            return now
        } catch {
            throw api.link.isClosed ? .closed : .unreachable(error.text)
        }
    }
}
