import DequeModule
import Replication
import Sessions
import Time

/// The messages of this node that are on their way into the cluster's retained messages, and who waits for them.
///
/// Of one topic one is under way at a time: so one that is put again, as its acknowledgement was lost, never gets behind
/// a later one of this node. Of those that come meanwhile only the newest is put, which replaces the others; it answers
/// for all. Knows neither thread nor clock; times are milliseconds.
struct RetainedPuts: Sendable {
    typealias Completion = @Sendable (WriteOutcome) -> Void

    /// How much may wait.
    static let maximumCount = 65_536
    static let maximumBytes = 64 << 20

    /// Between two tries at a put.
    static let retryMilliseconds: Int64 = 250

    /// A message that is to be put, or was.
    fileprivate struct Put {
        let number: UInt64
        let message: Message
        let time: Timestamp
        var state = State.due
        var waiters: [Waiter]
    }

    /// A put's place in a line: it may be settled already.
    private struct Ticket {
        let topic: [UInt8]
        let number: UInt64
    }

    fileprivate enum State {
        case due

        /// Its acknowledgement is waited for.
        case sent

        /// It is there for all: this node is still to follow.
        case acknowledged
    }

    fileprivate struct Waiter {
        let number: UInt64
        let deadline: Int64
        let completion: Completion
    }

    /// A topic's.
    private struct Line {
        var current: Put
        var next: Put?
    }

    private struct Barrier {
        /// Everything up to this number is to be settled.
        let number: UInt64
        let completion: @Sendable () -> Void
    }

    /// What is to be put now.
    struct Sending: Sendable {
        let number: UInt64
        let message: Message

        /// When it was published.
        let time: Timestamp
    }

    /// Who is told, and what.
    typealias Answer = (completion: Completion, outcome: WriteOutcome)

    private var lines: [[UInt8]: Line] = [:]
    private var lastNumber: UInt64 = 0

    /// To be put for the first time, and again from some time on; in order.
    private var fresh: Deque<Ticket> = []
    private var retries: Deque<(ticket: Ticket, at: Int64)> = []

    /// Acknowledged, in the order of their positions or nearly so.
    private var acknowledged: Deque<(ticket: Ticket, position: UInt64)> = []

    /// How many are sent, and not answered.
    private(set) var sentCount = 0

    /// The numbers of those that wait, in order, some of which may be settled already.
    private var waiting: Deque<UInt64> = []
    private var settled: Set<UInt64> = []
    private var barriers: [Barrier] = []
    private var bytes = 0

    /// How far this node has followed.
    private(set) var followed: UInt64 = 0

    var isEmpty: Bool { lines.isEmpty }

    /// False when there is no room.
    mutating func add(
        _ message: Message,
        at time: Timestamp,
        until deadline: Int64,
        _ completion: @escaping Completion
    ) -> Bool {
        guard waiting.count - settled.count < Self.maximumCount,
            bytes + message.byteCount <= Self.maximumBytes
        else { return false }
        lastNumber += 1
        waiting.append(lastNumber)
        bytes += message.byteCount
        let waiter = Waiter(number: lastNumber, deadline: deadline, completion: completion)
        let put = Put(number: lastNumber, message: message, time: time, waiters: [waiter])
        guard var line = lines.removeValue(forKey: message.topic) else {
            begin(put)
            return true
        }
        if let replaced = line.next {
            bytes -= replaced.message.byteCount
            line.next = put
            line.next?.waiters = replaced.waiters + [waiter]
        } else {
            line.next = put
        }
        lines[message.topic] = line
        return true
    }

    /// Calls back when all that was added before is settled.
    mutating func await(_ completion: @escaping @Sendable () -> Void) {
        barriers.append(Barrier(number: lastNumber, completion: completion))
    }

    /// Whether something is to be put, and fewer are under way than `limit`.
    func mayBePut(at now: Int64, below limit: Int) -> Bool {
        sentCount < limit && (!fresh.isEmpty || retries.first.map { $0.at <= now } == true)
    }

    /// What is to be put, those first that were before; they count as sent, of which there are at most `limit`.
    mutating func due(at now: Int64, limit: Int) -> [Sending] {
        var sendings: [Sending] = []
        while mayBePut(at: now, below: limit) {
            let isRetry = retries.first.map { $0.at <= now } == true
            let ticket = isRetry ? retries.removeFirst().ticket : fresh.removeFirst()
            guard let put = lines[ticket.topic]?.current, put.number == ticket.number, put.isDue
            else { continue }
            lines[ticket.topic]?.current.state = .sent
            sentCount += 1
            sendings.append(Sending(number: put.number, message: put.message, time: put.time))
        }
        return sendings
    }

    /// What became of a put. One that failed may be there all the same: it is put again, unless it is seen.
    mutating func answered(
        _ sending: Sending, _ result: Result<UInt64, AppendError>, at now: Int64
    ) -> [Answer] {
        let ticket = Ticket(topic: sending.message.topic, number: sending.number)
        guard let put = lines[ticket.topic]?.current, put.number == ticket.number, put.isSent
        else { return [] }
        switch result {
        case .success(let position) where position <= followed:
            return settle(ticket.topic, .stored)
        case .success(let position):
            sentCount -= 1
            lines[ticket.topic]?.current.state = .acknowledged
            acknowledged.append((ticket, position))
        case .failure:
            sentCount -= 1
            lines[ticket.topic]?.current.state = .due
            retries.append((ticket, now + Self.retryMilliseconds))
        }
        return []
    }

    /// There is no room for it.
    mutating func refused(_ sending: Sending) -> [Answer] {
        let topic = sending.message.topic
        guard lines[topic]?.current.number == sending.number else { return [] }
        return settle(topic, .full)
    }

    /// This node has followed so far, and seen these of its own puts: a topic and a number each.
    mutating func followed(to position: UInt64, own: [(topic: [UInt8], number: UInt64)]) -> [Answer]
    {
        followed = max(followed, position)
        var answers: [Answer] = []
        for (topic, number) in own where lines[topic]?.current.number == number {
            answers += settle(topic, .stored)
        }
        while let first = acknowledged.first, first.position <= followed {
            let ticket = acknowledged.removeFirst().ticket
            guard lines[ticket.topic]?.current.number == ticket.number else { continue }
            answers += settle(ticket.topic, .stored)
        }
        return answers
    }

    /// Those that have waited for too long are told that nothing is stored, as far as is known.
    mutating func expired(at now: Int64) -> [Answer] {
        var answers: [Answer] = []
        for (topic, var line) in lines {
            let over = line.current.takeOver(at: now) + (line.next?.takeOver(at: now) ?? [])
            guard !over.isEmpty else { continue }
            for waiter in over {
                settled.insert(waiter.number)
                answers.append((waiter.completion, .notStored))
            }
            if line.next?.waiters.isEmpty == true {
                bytes -= line.next?.message.byteCount ?? 0
                line.next = nil
            }
            lines[topic] = line
            if line.current.waiters.isEmpty { answers += settle(topic, .notStored) }
        }
        return answers
    }

    /// All of them at once.
    mutating func giveUp() -> [Answer] {
        var answers: [Answer] = []
        for topic in Array(lines.keys) {
            while lines[topic] != nil { answers += settle(topic, .notStored) }
        }
        return answers
    }

    /// Those who wait for nothing any more.
    mutating func takePassed() -> [@Sendable () -> Void] {
        while let first = waiting.first, settled.remove(first) != nil { waiting.removeFirst() }
        let first = waiting.first ?? .max
        let passed = barriers.filter { $0.number < first }
        barriers.removeAll { $0.number < first }
        return passed.map(\.completion)
    }

    var hasBarriers: Bool { !barriers.isEmpty }

    /// A topic's message has met its end: the next one's turn.
    private mutating func settle(_ topic: [UInt8], _ outcome: WriteOutcome) -> [Answer] {
        guard let line = lines.removeValue(forKey: topic) else { return [] }
        if line.current.isSent { sentCount -= 1 }
        bytes -= line.current.message.byteCount
        for waiter in line.current.waiters { settled.insert(waiter.number) }
        if let next = line.next { begin(next) }
        return line.current.waiters.map { ($0.completion, outcome) }
    }

    private mutating func begin(_ put: Put) {
        lines[put.message.topic] = Line(current: put)
        fresh.append(Ticket(topic: put.message.topic, number: put.number))
    }
}

extension RetainedPuts.Put {
    var isDue: Bool {
        switch state {
        case .due: true
        case .sent, .acknowledged: false
        }
    }

    var isSent: Bool {
        switch state {
        case .sent: true
        case .due, .acknowledged: false
        }
    }

    /// Those who have waited until their time was over.
    mutating func takeOver(at now: Int64) -> [RetainedPuts.Waiter] {
        let over = waiters.filter { $0.deadline <= now }
        if !over.isEmpty { waiters.removeAll { $0.deadline <= now } }
        return over
    }
}
