import DequeModule
import Ledger
import Replication

/// The devices' messages that are on their way into streams, and who waits for them.
///
/// Of one device one is under way at a time: so its messages are in the stream in their order, whatever has to be put
/// again. A stream that fails several times in a row is tried with one message at a time until it takes one; one
/// message that it does not take holds up its own device alone. Knows neither thread nor clock; times are milliseconds.
struct UplinkPuts: Sendable {
    typealias Completion = @Sendable (WriteOutcome) -> Void

    /// How much may wait: in all, for one stream, and of one device.
    static let maximumBytes = 256 << 20
    static let streamMaximumBytes = maximumBytes / 2
    static let deviceMaximumBytes = 8 << 20
    static let deviceMaximumCount = 4_096

    /// Under way at once, in all and to one stream.
    static let maximumSent = 1_024
    static let streamMaximumSent = 512

    /// Between two tries at a message, and at a stream that fails: it has this often in a row.
    static let retryMilliseconds: Int64 = 250
    static let failuresInRow = 3

    private struct Put {
        let number: UInt64
        let content: UplinkMessage
        var completions: [Completion]
        var isSent = false
    }

    /// A device's messages, in order.
    private struct Line {
        var puts: Deque<Put> = []
        var bytes = 0
    }

    private struct Course {
        /// Devices whose first message is to be put, in order.
        var due: Deque<DeviceIdentity> = []

        /// Those whose first message is to be put again, from some time on; in order.
        var retries: Deque<(device: DeviceIdentity, at: Int64)> = []
        var sent = 0
        var bytes = 0

        /// In a row.
        var failures = 0
        var pausesUntil = Int64.min

        var isIdle: Bool { sent == 0 && bytes == 0 && failures == 0 }
        var isFailing: Bool { failures >= UplinkPuts.failuresInRow }

        func mayPut(at now: Int64) -> Bool {
            (!due.isEmpty || retries.first.map { $0.at <= now } == true) && now >= pausesUntil
                && sent < (isFailing ? 1 : UplinkPuts.streamMaximumSent)
        }

        /// The next device, which may have nothing to put any more.
        mutating func next(at now: Int64) -> DeviceIdentity? {
            while let retry = retries.first, retry.at <= now {
                due.append(retries.removeFirst().device)
            }
            return due.popFirst()
        }

        mutating func note(_ isTaken: Bool, at now: Int64) {
            sent -= 1
            failures = isTaken ? 0 : failures + 1
            pausesUntil = isFailing ? now + UplinkPuts.retryMilliseconds : .min
        }
    }

    /// One whose time will be over.
    private struct Deadline {
        let device: DeviceIdentity
        let number: UInt64
        let at: Int64
    }

    /// What is to be put now.
    struct Sending: Sendable {
        let number: UInt64
        let content: UplinkMessage
    }

    /// Who is told, and what.
    typealias Answer = (completions: [Completion], outcome: WriteOutcome)

    private var lines: [DeviceIdentity: Line] = [:]
    private var courses: [UplinkStream: Course] = [:]
    private var deadlines: Deque<Deadline> = []
    private var lastNumber: UInt64 = 0
    private var sent = 0
    private var bytes = 0

    /// How many wait.
    private(set) var count = 0

    var isEmpty: Bool { count == 0 && sent == 0 }

    /// False when there is no room. One that is on its way already is waited for.
    mutating func add(
        _ content: UplinkMessage, until deadline: Int64, _ completion: @escaping Completion
    ) -> Bool {
        if wait(for: content, completion) { return true }
        let size = content.byteCount
        let course = courses[content.stream, default: Course()]
        guard bytes + size <= Self.maximumBytes, course.bytes + size <= Self.streamMaximumBytes,
            hasRoom(in: content.device, for: size)
        else { return false }
        lastNumber += 1
        let put = Put(number: lastNumber, content: content, completions: [completion])
        lines[content.device, default: Line()].puts.append(put)
        lines[content.device]?.bytes += size
        deadlines.append(Deadline(device: content.device, number: lastNumber, at: deadline))
        count += 1
        bytes += size
        courses[content.stream, default: Course()].bytes += size
        if lines[content.device]?.puts.count == 1 {
            courses[content.stream]?.due.append(content.device)
        }
        return true
    }

    private mutating func wait(
        for content: UplinkMessage, _ completion: @escaping Completion
    ) -> Bool {
        guard content.isDuplicate,
            let known = lines[content.device]?.puts.firstIndex(where: {
                content.isRepetition(of: $0.content)
            })
        else { return false }
        lines[content.device]?.puts[known].completions.append(completion)
        return true
    }

    private func hasRoom(in device: DeviceIdentity, for size: Int) -> Bool {
        guard let line = lines[device] else { return true }
        return line.puts.count < Self.deviceMaximumCount
            && line.bytes + size <= Self.deviceMaximumBytes
    }

    /// Whether something is to be put.
    func mayPut(at now: Int64) -> Bool {
        sent < Self.maximumSent && courses.values.contains { $0.mayPut(at: now) }
    }

    /// What is to be put, of each device the first; they count as sent.
    mutating func due(at now: Int64) -> [Sending] {
        var sendings: [Sending] = []
        for stream in Array(courses.keys) {
            while sent < Self.maximumSent, courses[stream]?.mayPut(at: now) == true,
                let device = courses[stream]?.next(at: now)
            {
                guard let put = lines[device]?.puts.first, !put.isSent, put.content.stream == stream
                else { continue }
                lines[device]?.puts[0].isSent = true
                courses[stream]?.sent += 1
                sent += 1
                sendings.append(Sending(number: put.number, content: put.content))
            }
        }
        return sendings
    }

    /// What became of a put. One that failed may be there all the same, and is put again under the same id.
    mutating func answered(
        _ sending: Sending, _ isTaken: Bool, at now: Int64
    ) -> Answer? {
        let (device, stream) = (sending.content.device, sending.content.stream)
        sent -= 1
        courses[stream]?.note(isTaken, at: now)
        defer { forgetIfIdle(stream) }
        guard let first = lines[device]?.puts.first, first.number == sending.number else {
            return nil
        }
        if isTaken { return (settleFirst(of: device), .stored) }
        lines[device]?.puts[0].isSent = false
        courses[stream]?.retries.append((device, now + Self.retryMilliseconds))
        return nil
    }

    /// Those that have waited for too long: they are in no stream, as far as is known.
    mutating func expired(at now: Int64) -> [Answer] {
        var answers: [Answer] = []
        while let next = deadlines.first, next.at <= now || isSettled(next) {
            deadlines.removeFirst()
            while let first = lines[next.device]?.puts.first, first.number <= next.number {
                answers.append((settleFirst(of: next.device), .notUplinked))
            }
        }
        return answers
    }

    /// All of them at once.
    mutating func giveUp() -> [Answer] {
        var answers: [Answer] = []
        for device in Array(lines.keys) {
            while lines[device] != nil { answers.append((settleFirst(of: device), .notUplinked)) }
        }
        return answers
    }

    private func isSettled(_ deadline: Deadline) -> Bool {
        guard let first = lines[deadline.device]?.puts.first else { return true }
        return first.number > deadline.number
    }

    /// A device's first message has met its end: the next one's turn. Answers who waits for it.
    private mutating func settleFirst(of device: DeviceIdentity) -> [Completion] {
        guard let put = lines[device]?.puts.removeFirst() else { return [] }
        lines[device]?.bytes -= put.content.byteCount
        count -= 1
        bytes -= put.content.byteCount
        courses[put.content.stream]?.bytes -= put.content.byteCount
        if let next = lines[device]?.puts.first {
            courses[next.content.stream, default: Course()].due.append(device)
        } else {
            lines[device] = nil
        }
        forgetIfIdle(put.content.stream)
        return put.completions
    }

    private mutating func forgetIfIdle(_ stream: UplinkStream) {
        if courses[stream]?.isIdle == true { courses[stream] = nil }
    }
}
