internal import Linux
internal import Replication
internal import Synchronization

/// Entries that were published and are not acknowledged yet, and the thread that reads the acknowledgements and
/// watches the clock.
final class Appends: Sendable {
    typealias Completion = @Sendable (Result<UInt64, AppendError>) -> Void

    private struct Waiting {
        let stream: String
        let completion: Completion
        let deadline: MonotonicInstant
    }

    private struct Table {
        var waiting: [UInt64: Waiting] = [:]

        /// No entry before it waits.
        var oldest: UInt64 = 0
        var next: UInt64 = 0
        var isClosed = false
    }

    /// The most that may wait: 1,024 entries of 600 KiB would be 600 MiB in the servers' queues.
    static let maximumCount = 1_024

    private let link: Link
    private let settings: JetStreamSettings
    private let table = Mutex(Table())

    /// Held while an entry gets its number and is published, so that both are in one order.
    private let publishing = Mutex(())

    /// Acknowledgements come on a subject of the entry's: this and its number.
    private let inbox: String
    private let worker = Worker("log-answers")

    /// A connection, and the interest in what comes back over it. An entry is published on no other: a server that has
    /// the entry has known the inbox for longer, and so the first acknowledgement finds a reader too.
    private struct Channel: Sendable {
        let connection: NATSConnection
        let answers: NATSSubscription

        init(_ connection: NATSConnection, _ inbox: String) throws(NATSFailure) {
            self.connection = connection
            answers = try connection.subscribe(to: "\(inbox).*")
        }
    }

    private let channel: Mutex<Channel>

    init(_ link: Link, _ settings: JetStreamSettings) throws(JetStreamError) {
        self.link = link
        self.settings = settings
        inbox = "_INBOX.\(RandomName.make())"
        do throws(NATSFailure) {
            channel = Mutex(try Channel(link.connection, inbox))
        } catch {
            throw .unreachable(error.text)
        }
    }

    func start() throws(JetStreamError) { try worker.start { self.run() } }

    /// Waits until the thread has ended. The link is closed.
    func stop() {
        worker.join()
        end()
    }

    /// Takes no more, and answers all that wait.
    private func end() {
        table.withLock { $0.isClosed = true }
        failAll(.unknown("the log was closed"))
    }

    /// - Parameters:
    ///   - subject: `nil`: the settings'.
    ///   - seconds: after which the servers take the entry out of the stream by themselves.
    func append(
        _ entry: [UInt8],
        on subject: String? = nil,
        forSeconds seconds: Int64? = nil,
        completion: @escaping Completion
    ) {
        let header = seconds.map { [StreamMessage.Header("Nats-TTL", "\($0)s")] } ?? []
        append(
            entry, on: subject ?? settings.subject, header, to: settings.stream,
            completion: completion)
    }

    /// - Parameter stream: which one takes what is published on the subject.
    func append(
        _ entry: [UInt8],
        on subject: String,
        _ header: [StreamMessage.Header],
        to stream: String,
        completion: @escaping Completion
    ) {
        guard entry.count <= settings.entryMaximumBytes else {
            let sizes = "\(entry.count) bytes, and \(settings.entryMaximumBytes) is the most"
            return completion(.failure(.refused("the entry has \(sizes)")))
        }
        let failure = publishing.withLock { _ in
            publish(entry, on: subject, header, to: stream, completion)
        }
        if let failure { completion(.failure(failure)) }
    }

    /// Why the entry does not wait for an acknowledgement.
    private func publish(
        _ entry: [UInt8],
        on subject: String,
        _ header: [StreamMessage.Header],
        to stream: String,
        _ completion: @escaping Completion
    ) -> AppendError? {
        let deadline = MonotonicInstant.now().adding(milliseconds: settings.appendMilliseconds)
        let number = table.withLock { table -> Result<UInt64, AppendError> in
            if table.isClosed { return .failure(.refused("the log is closed")) }
            if table.waiting.count >= Self.maximumCount {
                let most = Self.maximumCount
                return .failure(.refused("\(most) entries wait for their acknowledgements already"))
            }
            defer { table.next += 1 }
            table.waiting[table.next] = Waiting(
                stream: stream, completion: completion, deadline: deadline)
            return .success(table.next)
        }
        switch number {
        case .failure(let error): return error
        case .success(let number):
            do throws(NATSFailure) {
                let reply = "\(inbox).\(number)"
                let connection = channel.withLock { $0.connection }
                if header.isEmpty {
                    try connection.publish(entry, on: subject, reply: reply)
                } else {
                    try connection.publish(entry, on: subject, reply: reply, header)
                }
                return nil
            } catch {
                // It may have left in part, and libnats may be wrong about that.
                return forget(number) == nil ? nil : .unknown(error.text)
            }
        }
    }

    /// Whose turn it is to be answered, once.
    private func forget(_ number: UInt64) -> Waiting? {
        table.withLock { $0.waiting.removeValue(forKey: number) }
    }

    // MARK: The thread

    private func run() {
        defer { end() }
        while !link.isClosed {
            do throws(NATSFailure) {
                try read(channel.withLock { $0.answers })
            } catch {
                // libnats has given the connection up; the next one is made by `StandingWatch`.
                expire()
                if !link.pause(milliseconds: 50) { return }
                let connection = link.connection
                guard connection !== channel.withLock({ $0.connection }),
                    let next = try? Channel(connection, inbox)
                else { continue }
                channel.withLock { $0 = next }
            }
        }
    }

    /// Reads acknowledgements until the subscription is over.
    private func read(_ answers: NATSSubscription) throws(NATSFailure) {
        while true {
            expire()
            do throws(NATSFailure) {
                let answer = try answers.next(milliseconds: untilNextDeadline)
                accept(answer.subject, answer.bytes)
            } catch {
                switch error.kind {
                case .timeout: continue
                // Which entry that was libnats does not say; for the others there is no leader either.
                case .noResponders: failAll(.unknown(error.text))
                case .ended: throw error
                case .other: if !link.pause(milliseconds: 50) { return }
                }
            }
        }
    }

    private var untilNextDeadline: Int64 {
        let now = MonotonicInstant.now()
        let next = table.withLock { table in table.waiting[table.oldest]?.deadline }
        // An entry that comes meanwhile has its deadline later than that.
        let idle = min(settings.appendMilliseconds, 500)
        return max(1, min(idle, next.map { $0.milliseconds(since: now) + 1 } ?? idle))
    }

    private func accept(_ subject: String, _ bytes: [UInt8]) {
        guard let number = UInt64(subject.dropFirst(inbox.utf8.count + 1)),
            let waiting = forget(number)
        else { return }
        waiting.completion(Acknowledgement.result(bytes, of: waiting.stream))
    }

    /// Those whose time is over. All have the same time, so the oldest are first.
    private func expire() {
        let now = MonotonicInstant.now()
        let over = table.withLock { table -> [Completion] in
            var over: [Completion] = []
            while table.oldest < table.next {
                if let waiting = table.waiting[table.oldest] {
                    if waiting.deadline > now { break }
                    table.waiting[table.oldest] = nil
                    over.append(waiting.completion)
                }
                table.oldest += 1
            }
            return over
        }
        for completion in over {
            let limit = settings.appendMilliseconds
            completion(.failure(.unknown("no acknowledgement in \(limit) ms")))
        }
    }

    private func failAll(_ error: AppendError) {
        let all = table.withLock { table in
            defer {
                table.waiting = [:]
                table.oldest = table.next
            }
            return table.waiting.sorted { $0.key < $1.key }.map(\.value.completion)
        }
        for completion in all { completion(.failure(error)) }
    }
}

/// What the servers say about an entry that was published.
enum Acknowledgement {
    /// JetStream's codes with which the leader turns an entry away before it has proposed it to the others: the
    /// stream has no room, the entry is too large, the stream is sealed. After any other it may be in the log.
    private static let refusals: Set<UInt64> = [10_023, 10_047, 10_054, 10_109]

    static func result(_ bytes: [UInt8], of stream: String) -> Result<UInt64, AppendError> {
        guard let document = JSON(bytes) else {
            return .failure(.unknown("the acknowledgement is not JSON"))
        }
        if let error = document["error"] {
            let text = error["description"]?.text ?? "an error without words"
            let isRefused = Self.refusals.contains(error["err_code"]?.unsigned ?? 0)
            return .failure(isRefused ? .refused(text) : .unknown(text))
        }
        guard document["stream"]?.text == stream, let position = document["seq"]?.unsigned,
            position > 0
        else { return .failure(.unknown("the acknowledgement is of another stream")) }
        return .success(position)
    }
}
