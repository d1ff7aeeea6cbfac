import Bytes

/// A node's commands on their way through the log: gathered into envelopes, numbered, sent, and sent again
/// until the log has shown them. Reads no clock and does nothing by itself: the times come in, and what is
/// to be sent goes out.
///
/// A `Ticket` is what the outcome of a command is answered to.
struct ProposalWindow<Ticket> {
    /// Envelopes that are sent and were not seen yet.
    static var maximumFlying: Int { 4 }

    /// How long an envelope may take before it is sent again, in milliseconds. A leader's change takes the
    /// log some seconds; sending again then is cheap, as the books know what they have had.
    static var patienceMilliseconds: Int64 { 1_500 }

    /// The least time between two sendings of one envelope, in milliseconds.
    static var pauseMilliseconds: Int64 { 250 }

    private let cluster: ClusterID
    private let node: NodeName
    let epoch: UInt64
    private(set) var phase = Phase.joining

    /// Not in an envelope yet, the oldest first, from `taken` on.
    private var waiting: [(command: Command, ticket: Ticket)] = []
    private var taken = 0
    private var flying: [Flight] = []
    private var lastNumber: UInt64 = 0
    private var mustSendAgain = false
    private var tooLarge: [(ticket: Ticket, bytes: Int)] = []

    enum Phase: Hashable {
        /// The log has not shown the hello yet.
        case joining
        case open

        /// Another process has begun an epoch of this node's.
        case superseded
    }

    private struct Flight {
        let number: UInt64
        let bytes: [UInt8]
        let tickets: [Ticket]
        var sentAt: Int64
    }

    init(cluster: ClusterID, node: NodeName, epoch: UInt64) {
        precondition(epoch != 0, "0 stands for no epoch")
        self.cluster = cluster
        self.node = node
        self.epoch = epoch
    }

    /// Commands that were not answered yet.
    var count: Int {
        waiting.count - taken + flying.reduce(0) { $0 + $1.tickets.count }
    }

    mutating func add(_ command: Command, _ ticket: Ticket) { waiting.append((command, ticket)) }

    /// The log was followed to its end, and had that epoch as the node's last: says hello.
    mutating func join(after known: UInt64, at now: Int64, _ mark: LogMark) -> Sending {
        let bytes = envelope(.hello(after: known), mark)
        flying = [Flight(number: 0, bytes: bytes, tickets: [], sentAt: now)]
        mustSendAgain = false
        return Sending(number: 0, bytes: bytes)
    }

    /// One envelope to be appended.
    struct Sending: Hashable {
        let number: UInt64
        let bytes: [UInt8]
    }

    /// What is to be appended now, in order: again what was not seen for too long, and new envelopes as
    /// far as the window is open. `mark` is how far the books have come.
    mutating func due(at now: Int64, _ mark: LogMark) -> [Sending] {
        var sendings: [Sending] = []
        if let wakeAt, wakeAt <= now {
            mustSendAgain = false
            for index in flying.indices {
                flying[index].sentAt = now
                sendings.append(Sending(number: flying[index].number, bytes: flying[index].bytes))
            }
        }
        guard phase == .open else { return sendings }
        while flying.count < Self.maximumFlying, let flight = fill(at: now, mark) {
            flying.append(flight)
            sendings.append(Sending(number: flight.number, bytes: flight.bytes))
        }
        return sendings
    }

    /// When something is due again although nothing happens; `nil`: not by itself.
    var wakeAt: Int64? {
        guard let oldest = flying.first else { return nil }
        let wait = mustSendAgain ? Self.pauseMilliseconds : Self.patienceMilliseconds
        return oldest.sentAt + wait
    }

    /// The log did not take an envelope, or did not say.
    mutating func failed(_ number: UInt64) {
        if flying.contains(where: { $0.number == number }) { mustSendAgain = true }
    }

    /// An entry of this node's was applied. Answers what is to be answered; all that is left, when another
    /// process has taken this one's place.
    mutating func saw(_ entry: AppliedEntry) -> [(ticket: Ticket, outcome: Outcome)] {
        guard entry.envelope.epoch == epoch else {
            // It is another process' epoch that has begun, or what was under way of one before.
            if entry.verdict == .begun, phase == .open { phase = .superseded }
            return []
        }
        switch entry.verdict {
        case .begun:
            phase = .open
            flying.removeAll()
            mustSendAgain = false
            return []
        case .applied(let outcomes):
            guard let flight = flying.first, flight.number == entry.envelope.number,
                flight.tickets.count == outcomes.count
            else { preconditionFailure("an envelope was applied that is not on its way") }
            flying.removeFirst()
            return Array(zip(flight.tickets, outcomes)).map { (ticket: $0, outcome: $1) }
        case .repeated: return []
        case .outOfTurn:
            mustSendAgain = true
            return []
        case .superseded, .removed: return []
        }
    }

    /// Whether the hello was too late: the node has begun another epoch since, and `join` has to be asked
    /// again with that.
    func mustJoinAgain(after entry: AppliedEntry) -> Bool {
        phase == .joining && entry.envelope.epoch == epoch && entry.verdict == .superseded
    }

    /// Takes out the commands that fit into no envelope, and how large each is.
    mutating func takeTooLarge() -> [(ticket: Ticket, bytes: Int)] {
        defer { tooLarge.removeAll() }
        return tooLarge
    }

    /// Takes out all that was not answered; nothing is sent any more.
    mutating func giveUp() -> [Ticket] {
        let left =
            flying.flatMap(\.tickets) + waiting[taken...].map(\.ticket) + tooLarge.map(\.ticket)
        tooLarge.removeAll()
        flying.removeAll()
        waiting.removeAll()
        taken = 0
        return left
    }

    private mutating func fill(at now: Int64, _ mark: LogMark) -> Flight? {
        guard taken < waiting.count else { return nil }
        var commands: [Command] = []
        var tickets: [Ticket] = []
        var bytes = 0
        var scratch = ByteBuffer()
        while taken < waiting.count, commands.count < Envelope.maximumCommands {
            let next = waiting[taken]
            scratch.removeAll()
            next.command.encode(into: &scratch)
            if scratch.count > Envelope.maximumBytes {
                tooLarge.append((next.ticket, scratch.count))
                taken += 1
                continue
            }
            bytes += scratch.count
            if bytes > Envelope.maximumBytes, !commands.isEmpty { break }
            commands.append(next.command)
            tickets.append(next.ticket)
            taken += 1
        }
        if taken == waiting.count {
            waiting.removeAll(keepingCapacity: true)
            taken = 0
        } else if taken > waiting.count / 2 {
            waiting.removeFirst(taken)
            taken = 0
        }
        if commands.isEmpty { return nil }
        lastNumber += 1
        return Flight(
            number: lastNumber, bytes: envelope(.commands(number: lastNumber, commands), mark),
            tickets: tickets, sentAt: now)
    }

    private func envelope(_ content: Envelope.Content, _ mark: LogMark) -> [UInt8] {
        Envelope(cluster: cluster, sender: node, epoch: epoch, mark: mark, content: content).bytes
    }
}
