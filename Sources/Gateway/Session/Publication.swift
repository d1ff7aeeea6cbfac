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

        /// Nothing but the packet identifier.
        var isEmpty: Bool { answers == 0 && writes.isEmpty }
    }

    init(_ verdict: PublishVerdict) { self.verdict = verdict }

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
        case .nobody, .client, .gatheringOutcome, .question: break
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

/// What a delivery to one receiver has come to.
enum DeliveryOutcome {
    case decided(DownlinkOutcome)

    /// The sender will be told.
    case pending

    /// In a stored session's queue, to be written by the publisher's shard.
    case gathered(StoredAt, QueuedMessage)
}
