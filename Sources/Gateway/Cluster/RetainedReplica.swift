import Bytes
import Linux
import MQTT
import Replication
import Sessions
import Storage
import Synchronization
import Time

/// What makes a node's retained messages those of its cluster: two threads, one of which puts the messages of this node
/// into the records of all, while the other follows these into the store.
///
/// A message is retained when it has come back: so all nodes have the same ones, in the order of the records. What the
/// records have is taken whatever the limits say; those are judged before a message is put, by the node that puts it.
final class RetainedReplica: Sendable {
    /// How long a message is tried to be put, in milliseconds: longer than a change of the records' leader takes. Then
    /// its publisher is told that it is not stored.
    static let putMilliseconds: Int64 = 10_000

    /// For how long look-ups wait, after a start, for what the node has missed.
    private static let catchUpMilliseconds: Int64 = 5_000

    /// Between two tries at what has failed.
    private static let retryMilliseconds: Int64 = 250

    /// Puts that are under way at once, and changes that are written at once.
    private static let maximumSent = 256
    private static let maximumBatch = 512

    private let records: any LatestRecords
    private let messages: RetainedMessages
    private let limits: RetainedLimits
    private let shared: SharedEnvironment
    private let log: GatewayLog?

    /// Called before something that another node has retained is committed.
    private let willFollow: @Sendable () -> Void

    /// Random: tells what this process has put.
    private let sender = UInt64.random(in: 1...UInt64.max)
    private let beginning = MonotonicInstant.now()
    private let state = Monitor(State())
    private let catchingUp = Atomic<Bool>(true)
    private let follower = Mutex<(any LatestFollower)?>(nil)
    private let threads = Mutex<[Thread]>([])

    private struct State {
        var puts = RetainedPuts()
        var isClosed = false

        /// What was said last of what keeps a thread from its work.
        var troubles: [Work: String] = [:]
    }

    private enum Work { case following, putting }

    init(
        _ records: any LatestRecords,
        into messages: RetainedMessages,
        of shared: SharedEnvironment,
        limits: RetainedLimits,
        log: GatewayLog?,
        willFollow: @escaping @Sendable () -> Void
    ) {
        self.records = records
        self.messages = messages
        self.shared = shared
        self.limits = limits
        self.log = log
        self.willFollow = willFollow
    }

    /// Starts the threads.
    func start() throws(Errno) {
        let following = try Thread(name: "retained-read") { self.follow() }
        threads.withLock { $0.append(following) }
        do throws(Errno) {
            let putting = try Thread(name: "retained-put") { self.putAll() }
            threads.withLock { $0.append(putting) }
        } catch {
            stop()
            throw error
        }
    }

    /// Ends the threads, and answers what waits that it is not stored, as far as is known.
    func stop() {
        state.change { $0.isClosed = true }
        follower.withLock { $0 }?.end()
        let threads = threads.withLock { threads in
            defer { threads = [] }
            return threads
        }
        for thread in threads { thread.join() }
        tell(state.change { $0.puts.giveUp() })
        pass()
    }

    // MARK: From all threads

    /// Whether look-ups are to wait for what the node has missed.
    var isCatchingUp: Bool { catchingUp.load(ordering: .acquiring) }

    /// `completion` is called once, at once or on a thread of the replica's.
    func put(
        _ message: Message,
        at time: Timestamp,
        completion: @escaping RetainedPuts.Completion
    ) {
        let size = message.topic.count + RetainedEntry(sender: 0, number: 0, message).byteCount
        guard size <= latestRecordMaximumBytes else { return completion(.full) }
        let isTaken = state.change { state in
            !state.isClosed
                && state.puts.add(
                    message, at: time, until: now + Self.putMilliseconds, completion)
        }
        if !isTaken { completion(.notStored) }
    }

    /// Calls `completion` when all that was put before is retained, or was given up.
    func wait(_ completion: @escaping @Sendable () -> Void) {
        state.change { $0.puts.await(completion) }
    }

    /// Milliseconds since this was made.
    private var now: Int64 { MonotonicInstant.now().milliseconds(since: beginning) }

    private var isClosed: Bool { state.look { $0.isClosed } }

    // MARK: Putting

    /// The thread that puts.
    private func putAll() {
        while true {
            let hasWork = state.wait { state in
                state.isClosed ? false : state.puts.isEmpty && !state.puts.hasBarriers ? nil : true
            }
            guard hasWork == true else { return }
            let now = now
            if now >= Self.catchUpMilliseconds { endCatchingUp() }
            tell(state.change { $0.puts.expired(at: now) })
            let doubt = records.standing.doubt
            note(.putting, trouble: doubt)
            if doubt == nil { putDue(at: now) }
            pass()
            let soon = MonotonicInstant.now().adding(milliseconds: 50)
            _ = state.wait(until: soon) { state in
                state.isClosed || state.puts.mayBePut(at: now, below: Self.maximumSent) ? true : nil
            }
        }
    }

    private func putDue(at now: Int64) {
        let sendings = state.change { state in
            state.puts.due(at: now, limit: Self.maximumSent)
        }
        for sending in sendings {
            if hasRoom(for: sending.message, at: sending.time) {
                put(sending)
            } else {
                tell(state.change { $0.puts.refused(sending) })
            }
        }
    }

    private func put(_ sending: RetainedPuts.Sending) {
        let message = sending.message
        let entry = RetainedEntry(sender: sender, number: sending.number, message)
        let bytes = message.payload.isEmpty ? [] : entry.bytes
        records.put(
            bytes, under: message.topic, forSeconds: message.secondsLeft(at: sending.time)
        ) { [weak self] result in
            guard let self else { return }
            let now = now
            tell(state.change { $0.puts.answered(sending, result, at: now) })
        }
    }

    /// What is over makes room.
    private func hasRoom(for message: Message, at time: Timestamp) -> Bool {
        do throws(StoreError) {
            if try isWithinLimits(message) { return true }
            let messages = messages
            try write(weight: 256, for: .putting) { transaction throws(StoreError) in
                _ = try messages.sweep(now: time, limit: 64, in: transaction)
            }
            return try isWithinLimits(message)
        } catch {
            // What can't be read now is told by the writes.
            return true
        }
    }

    private func isWithinLimits(_ message: Message) throws(StoreError) -> Bool {
        try shared.environment.read { transaction throws(StoreError) in
            try messages.hasRoom(for: message, limits: limits, in: transaction)
        }
    }

    private func tell(_ answers: [RetainedPuts.Answer]) {
        for answer in answers { answer.completion(answer.outcome) }
        if !answers.isEmpty { pass() }
    }

    /// Lets look-ups go on that wait for nothing any more.
    private func pass() {
        guard !isCatchingUp || isClosed else { return }
        for completion in state.change({ $0.puts.takePassed() }) { completion() }
    }

    private func endCatchingUp() {
        if catchingUp.exchange(false, ordering: .acquiringAndReleasing) { pass() }
    }

    // MARK: Following

    /// What the thread that follows knows.
    private struct Course {
        var mark: RetainedMark?

        /// Of the records that are followed.
        var generation: UInt64 = 1

        /// The hashes of the topics that have come, while everything comes.
        var seen: Set<Int>?

        /// The records are others than those of the mark, which were lost.
        var isAnew = false

        /// Messages to be written, and those of them that are this process's own.
        var batch: [Message] = []
        var own: [(topic: [UInt8], number: UInt64)] = []
        var last: LatestMark?

        /// Something is missing: the next start reads everything again.
        var isIncomplete = false

        /// A record could not be read: the same.
        var hasUnread = false

        /// Whether what the node has, and has not come, goes to the others: it has never followed any records, or
        /// those that it has followed were lost. One that was away for longer than a week by then may have what was
        /// deleted meanwhile.
        func brings(at time: Timestamp) -> Bool {
            guard let mark else { return true }
            return isAnew && time.milliseconds(since: mark.at) <= 7 * 86_400_000
        }
    }

    /// The thread that follows.
    private func follow() {
        var course = Course()
        do throws(StoreError) {
            course.mark = try shared.environment.read { transaction throws(StoreError) in
                try messages.mark(in: transaction)
            }
            while let (changes, generation) = take(from: course.mark) {
                course.generation = generation
                for change in changes { try take(change, &course) }
                try write(&course)
            }
        } catch {
            guard !isClosed else { return }
            log?.say(
                .error, "the cluster's retained messages are not followed any more",
                .init("error", "\(error)"))
            endCatchingUp()
        }
    }

    /// Waits for changes, and which records they are of; `nil` when it is over.
    private func take(from mark: RetainedMark?) -> ([LatestChange], generation: UInt64)? {
        while !isClosed {
            do throws(LogError) {
                var changes: [LatestChange] = []
                let reader = try reader(from: mark)
                let goesOn = try reader.take(upTo: Self.maximumBatch, into: &changes)
                if !goesOn { return nil }
                note(.following, trouble: nil)
                return (changes, reader.generation)
            } catch {
                if case .closed = error { return nil }
                note(.following, trouble: error.description)
                // What the node has is handed out.
                endCatchingUp()
                pause()
            }
        }
        return nil
    }

    private func reader(from mark: RetainedMark?) throws(LogError) -> any LatestFollower {
        if let known = follower.withLock({ $0 }) { return known }
        let made = try records.follow(
            from: mark.map { LatestMark(position: $0.position, at: $0.at) },
            of: mark?.generation ?? 1)
        follower.withLock { $0 = made }
        if isClosed { made.end() }
        return made
    }

    private func take(_ change: LatestChange, _ course: inout Course) throws(StoreError) {
        switch change {
        case .beginning(let isAnew):
            try write(&course)
            course.seen = []
            course.hasUnread = false
            course.isAnew = isAnew
            if isAnew {
                log?.say(
                    .warning,
                    "the cluster's retained messages were lost: what this node has is retained anew"
                )
            }
        case .record(let record):
            course.seen?.insert(record.key.hashValue)
            course.last = record.mark
            if record.bytes.isEmpty {
                course.batch.append(Message(deletionOf: record.key))
                return
            }
            guard let entry = try? RetainedEntry(topic: record.key, bytes: record.bytes) else {
                return passOver(record, &course)
            }
            course.batch.append(entry.message)
            if entry.sender == sender { course.own.append((record.key, entry.number)) }
        case .current(let mark, let missing):
            try write(&course)
            if let seen = course.seen {
                // Which are missing is not known: then nothing is deleted.
                if missing == 0 { try clear(seen, isNew: course.brings(at: mark.at), at: mark.at) }
                course.isIncomplete = missing > 0
            }
            course.seen = nil
            course.isAnew = false
            course.last = mark
            try write(&course)
            if missing > 0 {
                log?.say(
                    .error, "retained messages of the cluster can't be had from any of its servers",
                    .init("count", "\(missing)"))
            }
            endCatchingUp()
        }
    }

    /// A record that can't be read, as a later program may have put it: what is retained here under its topic stays. The
    /// store's mark stays as well, so that the next start, perhaps of that program, reads it again.
    private func passOver(_ record: LatestRecord, _ course: inout Course) {
        if !course.hasUnread {
            log?.say(
                .error, "a retained message of the cluster can't be read: start the newest program",
                .init("topic", String(decoding: record.key, as: UTF8.self)))
        }
        course.hasUnread = true
    }

    /// Writes what was gathered, and how far that is, in one commit. While everything comes, the store's mark stays: a
    /// node that ends before begins anew.
    private func write(_ course: inout Course) throws(StoreError) {
        guard let last = course.last else { return }
        let messages = messages
        let batch = course.batch
        let mark = RetainedMark(
            position: last.position, at: last.at, generation: course.generation)
        let isWhole = course.seen == nil && !course.isIncomplete && !course.hasUnread
        if !batch.isEmpty { willFollow() }
        try write(weight: 3 * batch.count + 1, for: .following) { transaction throws(StoreError) in
            for message in batch { try messages.follow(message, in: transaction) }
            if isWhole { try messages.set(mark, in: transaction) }
        }
        if isWhole { course.mark = mark }
        let own = course.own
        course.batch = []
        course.own = []
        course.last = nil
        tell(state.change { $0.puts.followed(to: mark.position, own: own) })
    }

    /// Everything has come: what has not is not retained any more. What a node has retained before it was one of the
    /// cluster goes to the others instead.
    private func clear(_ seen: Set<Int>, isNew: Bool, at time: Timestamp) throws(StoreError) {
        var place: RetainedCursor?
        repeat {
            let start = place
            let messages = messages
            let page = try shared.environment.read { transaction throws(StoreError) in
                try messages.messages(
                    from: start, limit: Self.maximumBatch, in: transaction)
            }
            let unseen = page.messages.filter { !seen.contains($0.topic.hashValue) }
            if isNew {
                try bring(unseen, at: time)
            } else if !unseen.isEmpty {
                willFollow()
                try write(weight: 3 * unseen.count, for: .following) {
                    transaction throws(StoreError) in
                    for message in unseen {
                        let topic = message.topic
                        try messages.delete(topic.span, in: transaction)
                    }
                }
            }
            place = page.next
        } while place != nil
    }

    /// Puts messages of this node into the records, and waits until they are there. They come back behind the others.
    private func bring(_ unseen: [Message], at time: Timestamp) throws(StoreError) {
        var left = unseen
        while !left.isEmpty {
            let answers = Monitor<[Bool]>([])
            for message in left {
                let entry = RetainedEntry(sender: 0, number: 0, message)
                records.put(
                    entry.bytes, under: message.topic, forSeconds: message.secondsLeft(at: time)
                ) { result in
                    answers.change { $0.append((try? result.get()) != nil) }
                }
            }
            let count = left.count
            let results = answers.wait { $0.count == count ? $0 : nil } ?? []
            if results.allSatisfy({ $0 }) { left = [] }
            if isClosed { throw .shutDown }
            if !left.isEmpty { pause() }
        }
    }

    /// Writes, and tries again until that is on the disk: nothing is passed over.
    private func write(
        weight: Int,
        for work: Work,
        _ body: @escaping SharedEnvironment.Write
    ) throws(StoreError) {
        while true {
            let answer = Monitor<Result<Void, StoreError>?>(nil)
            shared.submit(weight: weight, body) { result in answer.change { $0 = result } }
            switch answer.wait(for: { $0 }) ?? .failure(.shutDown) {
            case .success: return
            case .failure(let error):
                if isClosed || error == .shutDown { throw .shutDown }
                note(work, trouble: "\(error)")
                pause()
            }
        }
    }

    private func pause() {
        let end = MonotonicInstant.now().adding(milliseconds: Self.retryMilliseconds)
        _ = state.wait(until: end) { $0.isClosed ? true : nil }
    }

    /// Says what is wrong once, and when it is over.
    private func note(_ work: Work, trouble: String?) {
        let known = state.look { $0.troubles[work] }
        guard known != trouble else { return }
        state.change { $0.troubles[work] = trouble }
        let what =
            switch work {
            case .following: "what the cluster has retained is"
            case .putting: "messages are"
            }
        if let trouble {
            log?.say(.warning, "\(what) not retained here now", .init("error", trouble))
        } else {
            log?.say(.info, "\(what) retained here again")
        }
    }
}

extension Message {
    /// Without a payload (3.3.1.3).
    fileprivate convenience init(deletionOf topic: [UInt8]) {
        self.init(topic: topic, payload: [], qos: .atMostOnce)
    }

    /// For how long it is of use; `nil`: for ever.
    fileprivate func secondsLeft(at time: Timestamp) -> UInt32? {
        expiresAt.map { UInt32(clamping: max(1_000, $0.milliseconds(since: time)) / 1_000) }
    }
}
