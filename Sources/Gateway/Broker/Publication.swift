import DequeModule
import Linux
import MQTT
import Reactor
import Sessions

/// What has become of a client's PUBLISH, and what its acknowledgement waits for.
struct Publication {
    var verdict: PublishVerdict

    /// How many writes are under way that the acknowledgement waits for, each reported as `WriteOutcome`.
    var confirmations = 0

    /// What goes into one commit with the packet identifier of a QoS 2 message.
    var commit = Commit()

    /// The parts of a commit, from all shards that keep the message.
    struct Commit {
        /// Answers of other shards that are still to come.
        var answers = 0

        /// Into queues of this shard.
        var writes: [(StoredAt, QueuedMessage)] = []

        /// For other nodes.
        var forwards: [(NodeMail.Target, Forward)] = []

        /// Nothing but the packet identifier.
        var isEmpty: Bool { answers == 0 && writes.isEmpty && forwards.isEmpty }
    }

    init(_ verdict: PublishVerdict) { self.verdict = verdict }

    /// Of what is not routed: taken when it is on the disk, or met its end.
    init(writing verdict: PublishVerdict) {
        self.verdict = verdict == .writing ? .taken : verdict
        confirmations = verdict == .writing ? 1 : 0
    }

    /// A receiver on this shard has got the message.
    mutating func note(_ outcome: DeliveryOutcome, for sender: DownlinkSender) {
        switch outcome {
        case .decided: break
        case .pending: if case .confirmation = sender { confirmations += 1 }
        case .gathered(let place, let message): commit.writes.append((place, message))
        }
    }

    /// Another shard writes the message, and tells `sender`.
    mutating func noteWrite(elsewhereFor sender: DownlinkSender) {
        switch sender {
        case .confirmation: confirmations += 1
        case .gathering: commit.answers += 1
        case .nobody, .client, .gatheringOutcome, .child, .question, .node: break
        }
    }
}

/// What a client's PUBLISH is to be answered by.
enum PublishAnswer {
    /// QoS 0, and wills.
    case nothing

    /// PUBACK or PUBREC, when the message is where it belongs.
    case acknowledgement(Token, packetID: UInt16)

    /// PUBREC in a stored session: when the message is on disk in one commit with its packet identifier.
    case commit(Token, packetID: UInt16)

    /// Of the PUBLISH; `nil` when none is to be answered.
    var packetID: UInt16? {
        switch self {
        case .nothing: nil
        case .acknowledgement(_, let packetID), .commit(_, let packetID): packetID
        }
    }

    /// Who is told when a session has written the message.
    func written(on shard: Int) -> DownlinkSender {
        switch self {
        case .nothing: .nobody
        case .acknowledgement(let token, let packetID):
            .confirmation(shard: shard, token, packetID: packetID)
        case .commit(let token, let packetID):
            .gathering(shard: shard, token, packetID: packetID)
        }
    }

    /// Who is told what became of the message at its device.
    func outcome(on shard: Int) -> DownlinkSender {
        switch self {
        case .nothing: .nobody
        case .acknowledgement(let token, let packetID):
            .client(shard: shard, token, packetID: packetID)
        case .commit(let token, let packetID):
            .gatheringOutcome(shard: shard, token, packetID: packetID)
        }
    }

    /// Who is told when the message is retained.
    func confirmation(of shard: Int) -> DownlinkSender {
        switch self {
        case .nothing: .nobody
        case .acknowledgement(let token, let packetID), .commit(let token, let packetID):
            .confirmation(shard: shard, token, packetID: packetID)
        }
    }
}

/// The result of a delivery to one receiver.
enum DeliveryOutcome {
    case decided(DownlinkOutcome)

    /// The sender will be told.
    case pending

    /// In a stored session's queue, to be written by the publisher's shard.
    case gathered(StoredAt, QueuedMessage)
}

/// What has become of a client's PUBLISH, for its acknowledgement.
enum PublishVerdict: Equatable {
    case taken

    /// Taken, and nobody has subscribed to its topic.
    case noSubscribers
    case refused(Reason)

    /// A message to a device.
    case downlink(DownlinkOutcome)

    /// A message to a device, whose outcome is still to come. `hasSubscribers`: an application has got it,
    /// whatever becomes of it at the device.
    case undecided(hasSubscribers: Bool)

    /// A message that an application has got did find a subscriber, whether or not it found the
    /// device.
    init(_ outcome: DownlinkOutcome, hasSubscribers: Bool) {
        self =
            hasSubscribers && outcome.reasonCode == .noMatchingSubscribers
            ? .taken : .downlink(outcome)
    }

    var isDecided: Bool {
        switch self {
        case .undecided, .relayed: false
        case .taken, .noSubscribers, .refused, .downlink, .held, .writing: true
        }
    }

    /// Units are asked for: the packet is served again when the ledger has answered (rule C6).
    case held

    /// What a device reports of its state: taken when it is on the disk.
    case writing

    /// A message of a device behind this one, whose own connection is still to say what becomes of it.
    case relayed

    /// What a PUBACK or PUBREC of MQTT 5 says.
    var reasonCode: ReasonCode {
        switch self {
        case .taken, .undecided, .held, .writing, .relayed: .success
        case .noSubscribers: .noMatchingSubscribers
        // 0x95 is none of PUBACK's and PUBREC's (3.4.2.1, 3.5.2.1).
        case .refused(.packetTooLarge): .quotaExceeded
        case .refused(let reason): reason.reasonCode
        case .downlink(let outcome): outcome.reasonCode
        }
    }

    /// Why the code is not plain success; `nil` when it is.
    var text: String? {
        switch self {
        case .taken, .undecided, .held, .writing, .relayed: nil
        case .noSubscribers: "nobody has subscribed to the topic"
        case .refused(let reason): reason.text
        case .downlink(let outcome): outcome.reasonCode == .success ? nil : outcome.text
        }
    }
}

/// The result of a write that the acknowledgement of a PUBLISH waits for.
enum WriteOutcome: Sendable {
    /// It is on disk, or has met its end without being needed there.
    case stored

    /// No more messages can be retained.
    case full

    /// The disk did not take it.
    case notStored

    /// The product's stream did not take it, as far as is known.
    case notUplinked

    /// What the sender is told in place of success.
    var verdict: PublishVerdict? {
        switch self {
        case .stored: nil
        case .full: .refused(.retainedFull)
        case .notStored: .refused(.notStored)
        case .notUplinked: .refused(.notUplinked)
        }
    }
}

/// A client's PUBLISHes whose acknowledgements wait for the outcome of a downlink, for a disk, or behind
/// one that does: acknowledgements keep the order of their PUBLISHes ([MQTT-4.6.0-2], [MQTT-4.6.0-3]).
///
/// At most as many as the Receive Maximum that the client was told. Owns no memory while empty.
struct UnansweredPublishes {
    struct Entry: Equatable {
        let packetID: UInt16
        let isExactlyOnce: Bool

        /// When it was read.
        let since: MonotonicInstant
        var verdict: PublishVerdict

        /// What has to be on disk before, and is not known to be.
        var outstanding = 0

        /// Its packet identifier is among those that the session has received.
        var isReceived = false

        /// The same QoS 2 message again, behind the first: answered as that is.
        var isRepetition = false

        var isDecided: Bool { verdict.isDecided && outstanding == 0 }
    }

    private var entries: Deque<Entry> = []

    /// How many of them are also among the packet identifiers that the session has received.
    private var receivedEntries: UInt16 = 0
    var receivedCount: Int { Int(receivedEntries) }

    var isEmpty: Bool { entries.isEmpty }
    var count: Int { entries.count }

    func contains(_ packetID: UInt16) -> Bool { entries.contains { $0.packetID == packetID } }

    mutating func append(_ entry: Entry) {
        entries.append(entry)
        if entry.isReceived { receivedEntries += 1 }
    }

    /// The QoS 2 message with that packet identifier has come again, and its answer is still to come: each
    /// copy gets one ([MQTT-4.3.3-8]), in the order of the PUBLISHes. More copies than `limit` at once are
    /// answered by those.
    mutating func repeatAnswer(
        _ packetID: UInt16, at time: MonotonicInstant, limit: Int
    ) {
        guard entries.count < 2 * limit else { return }
        append(
            Entry(
                packetID: packetID, isExactlyOnce: true, since: time, verdict: .taken,
                isReceived: true, isRepetition: true))
    }

    /// The outcome of the first undecided message with that packet identifier.
    mutating func decide(_ packetID: UInt16, _ outcome: DownlinkOutcome) {
        for index in entries.indices where entries[index].packetID == packetID {
            guard case .undecided(let hasSubscribers) = entries[index].verdict else { continue }
            entries[index].verdict = PublishVerdict(outcome, hasSubscribers: hasSubscribers)
            return
        }
    }

    /// What has become of the first message with that packet identifier that was relayed to a child's connection. True:
    /// it was of QoS 2 and is taken, so its packet identifier is to be kept from now on.
    mutating func decide(_ packetID: UInt16, relayed verdict: PublishVerdict) -> Bool {
        for index in entries.indices
        where entries[index].packetID == packetID && entries[index].verdict == .relayed {
            entries[index].verdict = verdict
            guard entries[index].isExactlyOnce, !verdict.reasonCode.isFailure else { return false }
            entries[index].isReceived = true
            receivedEntries += 1
            return true
        }
        return false
    }

    /// The answer to the first message with that packet identifier waits for the disk.
    mutating func wait(_ packetID: UInt16) {
        guard let index = entries.firstIndex(where: { $0.packetID == packetID }) else { return }
        entries[index].outstanding += 1
    }

    /// So many of the things that a message waits for are done.
    mutating func confirm(_ packetID: UInt16, count: Int, _ confirmed: WriteOutcome) {
        for index in entries.indices
        where entries[index].packetID == packetID && entries[index].outstanding > 0 {
            entries[index].outstanding -= count
            if let objection = confirmed.verdict { entries[index].verdict = objection }
            return
        }
    }

    /// The next acknowledgement, when its turn has come.
    mutating func next() -> Entry? {
        guard let first = entries.first, first.isDecided else { return nil }
        entries.removeFirst()
        if first.isReceived { receivedEntries -= 1 }
        if entries.isEmpty {
            entries = []
        } else if first.isExactlyOnce {
            for index in entries.indices
            where entries[index].isRepetition && entries[index].packetID == first.packetID {
                entries[index].verdict = first.verdict
            }
        }
        return first
    }
}
