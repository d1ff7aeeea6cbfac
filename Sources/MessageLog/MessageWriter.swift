import Bytes
import LedgerModel
import Linux
import Reactor
import Synchronization
import Time

/// What the writer's thread has: gathered batches, and the segments that it writes to.
struct MessageWriter: ~Copyable {
    enum Order: Sendable {
        case batch(MessageBatch)
        case deletion(MessageOwner, Timestamp)
        case stop
    }

    /// What the thread waits on.
    struct Waiting: ~Copyable {
        let epoll: Epoll
        var events = EventBuffer(capacity: 1)

        init(_ mailbox: Mailbox<Order>) throws(Errno) {
            let epoll = try Epoll()
            try mailbox.attach(to: epoll, userData: 0)
            self.epoll = epoll
        }
    }

    private let log: MessageLog
    private let mailbox: Mailbox<Order>
    private var waiting: Waiting
    private var orders: [Order] = []
    private var isStopping = false

    private var gathered: [MessageBatch] = []
    private var gatheredBytes = 0
    private var gatheredSince = MonotonicInstant(nanoseconds: 0)
    private var sweptAt = MonotonicInstant(nanoseconds: 0)
    private var deletions: [(MessageOwner, Timestamp)] = []
    private var deletionFile: DeletionFile
    private var writtenHeard: UInt64 = 0

    /// By the days that their messages are kept.
    private var files: [Int: SegmentFile] = [:]
    private var nextSequence: UInt64
    private var blocks = BlockMaker()

    /// Messages that were not stored since writing has failed; `nil`: it does not.
    private var failing: Int?
    private var hasSpace = true

    /// Written at once, whatever the time: 8 MiB.
    private static var gatheredMaximum: Int { 8 << 20 }

    /// Between two looks for what is over, in milliseconds.
    private static var sweepMilliseconds: Int64 { 10_000 }

    init(_ log: MessageLog, _ mailbox: Mailbox<Order>, _ waiting: consuming Waiting) {
        self.log = log
        self.mailbox = mailbox
        self.waiting = waiting
        deletionFile = log.deletionFile
        nextSequence = log.catalogue.withLock { catalogue in
            (catalogue.segments.map { max($0.lastSequence, $0.number) }.max() ?? 0) + 1
        }
    }

    mutating func run() {
        sweep()
        while !isStopping {
            wait()
            // What it was told of before is among the orders, or on the disk.
            let heard = log.heard.load(ordering: .acquiring)
            mailbox.drain(into: &orders)
            for order in orders { take(order) }
            orders.removeAll(keepingCapacity: true)
            let now = MonotonicInstant.now()
            if !deletions.isEmpty { writeDeletions() }
            if isStopping || gatheredBytes >= Self.gatheredMaximum || flushDue <= now { flush() }
            if sweepDue <= now || isStopping { writeHeard(heard) }
            if sweepDue <= now { sweep() }
        }
        finishAll()
    }

    private var flushDue: MonotonicInstant {
        gathered.isEmpty
            ? MonotonicInstant(nanoseconds: .max)
            : gatheredSince.adding(milliseconds: log.settings.flushMilliseconds)
    }

    private var sweepDue: MonotonicInstant {
        sweptAt.adding(milliseconds: Self.sweepMilliseconds)
    }

    private mutating func wait() {
        let now = MonotonicInstant.now()
        let pause = min(flushDue, sweepDue).milliseconds(since: now) + 1
        do throws(Errno) {
            try waiting.epoll.wait(
                into: &waiting.events, timeoutMilliseconds: Int32(clamping: max(0, pause)))
        } catch {
            preconditionFailure("epoll: \(error)")
        }
    }

    private mutating func take(_ order: Order) {
        switch order {
        case .batch(let batch):
            if gathered.isEmpty { gatheredSince = .now() }
            gathered.append(batch)
            gatheredBytes += batch.bytes.count
        case .deletion(let owner, let time): deletions.append((owner, time))
        case .stop: isStopping = true
        }
    }

    // MARK: Writing

    private mutating func flush() {
        guard !gathered.isEmpty else { return }
        let batches = gathered
        gathered.removeAll(keepingCapacity: true)
        gatheredBytes = 0
        guard hasSpace else {
            return drop(batches.reduce(0) { $0 + $1.count }, why: "the file system is full")
        }
        let sorted = SortedFlush(batches, from: nextSequence)
        let now = log.clock()
        for days in sorted.days { write(sorted, days, at: now) }
        nextSequence += UInt64(sorted.count)
        log.figures.lagMilliseconds.store(
            Int(max(0, now.milliseconds(since: sorted.firstTime))), ordering: .relaxed)
    }

    private mutating func write(_ flush: SortedFlush, _ days: Int, at now: Timestamp) {
        let count = flush.count(of: days)
        do throws(FileError) {
            let hour = now.milliseconds / 3_600_000
            if let file = files[days], file.isFull(log.settings) || file.segment.hour != hour {
                finish(days)
            }
            if files[days] == nil {
                let made = try SegmentFile(
                    in: log.settings.directory, days: days, number: nextSequence, hour: hour)
                files[days] = made
                let segment = made.segment
                log.catalogue.withLock { $0.segments.append(segment) }
            }
            guard let file = files[days] else { preconditionFailure("it was made") }
            let run = try blocks.write(flush, days, to: file)
            let segment = file.segment
            log.catalogue.withLock { catalogue in
                guard let index = catalogue.index(of: segment) else { return }
                catalogue.segments[index].take(segment, run)
            }
            log.figures.stored.add(count, ordering: .relaxed)
            log.figures.writtenBytes.add(blocks.bytes, ordering: .relaxed)
            writesAgain()
        } catch {
            drop(count, why: "\(error)")
            // Another file may do: of a full disk there is none.
            if error.code != .noSpace { finish(days) }
        }
    }

    private mutating func drop(_ count: Int, why: String) {
        log.figures.dropped.add(count, ordering: .relaxed)
        if failing == nil { log.say(.writingFails(why)) }
        failing = (failing ?? 0) + count
    }

    private mutating func writesAgain() {
        guard let dropped = failing else { return }
        failing = nil
        log.say(.writesAgain(dropped: dropped))
    }

    /// Nothing more comes to the segment. One whose index finds no room stays as it is, and is found out by the next
    /// start; until then its index is in memory.
    private mutating func finish(_ days: Int) {
        guard let file = files.removeValue(forKey: days) else { return }
        var segment = file.segment
        segment.isOpen = false
        let found = log.catalogue.withLock { catalogue in
            catalogue.index(of: segment).map { catalogue.segments[$0] }
        }
        guard var whole = found else { return }
        do throws(FileError) {
            try whole.finish(file.file)
        } catch {
            if failing == nil { log.say(.writingFails("\(error)")) }
            failing = failing ?? 0
        }
        whole.isOpen = false
        let finished = whole
        log.catalogue.withLock { catalogue in
            guard let index = catalogue.index(of: finished) else { return }
            catalogue.segments[index] = finished
        }
    }

    private mutating func finishAll() {
        for days in Array(files.keys) { finish(days) }
    }

    // MARK: Deleting

    private mutating func writeDeletions() {
        do throws(FileError) {
            try deletionFile.append(deletions)
            deletions.removeAll()
        } catch {
            // They hold in memory, and are tried again.
            if failing == nil { log.say(.writingFails("\(error)")) }
            failing = failing ?? 0
        }
    }

    /// How far events were heard, unless deletions among them wait for the disk.
    private mutating func writeHeard(_ heard: UInt64) {
        guard heard > writtenHeard, deletions.isEmpty else { return }
        do throws(FileError) {
            try log.heardFile.write(heard)
            writtenHeard = heard
        } catch {
            // They are heard again by the next start.
        }
    }

    /// Finishes segments whose hour is over, and removes what is kept no longer, or has no room.
    private mutating func sweep() {
        sweptAt = .now()
        let now = log.clock()
        let hour = now.milliseconds / 3_600_000
        for (days, file) in files where file.segment.hour != hour { finish(days) }
        for file in files.values { file.syncIfDue(at: sweptAt) }
        finishFound()
        for segment in log.catalogue.withLock({ $0.segments })
        where !segment.isOpen && segment.endsAt <= now {
            if remove(segment) { log.figures.expiredSegments.add(1, ordering: .relaxed) }
        }
        makeRoom()
        forgetDeletions(before: now.adding(seconds: -300))
    }

    private mutating func forgetDeletions(before recent: Timestamp) {
        let oldest = log.standing.oldest
        let left = log.deletions.withLock { stored in
            stored.forget(before: oldest, recent: recent) ? stored.times : nil
        }
        guard let left else { return }
        do throws(FileError) {
            try deletionFile.replace(by: left)
        } catch {
            // Those of nothing stay in the file: the next start forgets them.
        }
    }

    /// Gives segments their index that a crash, or a full disk, has left without one.
    private func finishFound() {
        let unfinished = log.catalogue.withLock { catalogue in
            catalogue.segments.filter { segment in
                guard case .memory = segment.index else { return false }
                return !segment.isOpen
            }
        }
        for segment in unfinished {
            do throws(FileError) {
                var whole = segment
                try whole.finish(RandomAccessFile(segment.path, for: .writing))
                let finished = whole
                log.catalogue.withLock { catalogue in
                    guard let index = catalogue.index(of: finished) else { return }
                    catalogue.segments[index] = finished
                }
            } catch {
                // Tried again by the next sweep.
                return
            }
        }
    }

    /// Removes the oldest segments while there are too many bytes, or too few are left to others.
    private mutating func makeRoom() {
        var bytes = log.standing.bytes
        while bytes > log.settings.maximumBytes, let freed = evictOldest() { bytes -= freed }
        do throws(FileError) {
            var free = try FileSystem.freeBytes(at: log.settings.directory)
            while free < log.settings.minimumFreeBytes, let freed = evictOldest() { free += freed }
            let isEnough = free >= log.settings.minimumFreeBytes
            if isEnough, !hasSpace { writesAgain() }
            hasSpace = isEnough
        } catch {
            hasSpace = true
        }
    }

    /// The bytes that it had; `nil`: there is none that could go.
    private mutating func evictOldest() -> Int? {
        let closed = log.catalogue.withLock { catalogue in
            catalogue.segments.filter { !$0.isOpen }.sorted { $0.number < $1.number }
        }
        guard let oldest = closed.first(where: { remove($0) }) else { return nil }
        log.figures.evictedSegments.add(1, ordering: .relaxed)
        log.say(.evicted(oldest.path, bytes: oldest.bytes))
        return oldest.bytes
    }

    private func remove(_ segment: Segment) -> Bool {
        do throws(FileError) {
            try FileSystem.remove(segment.path)
        } catch {
            return false
        }
        log.catalogue.withLock { catalogue in
            if let index = catalogue.index(of: segment) { catalogue.segments.remove(at: index) }
        }
        return true
    }
}
