import Linux
import Reactor
import Sessions

/// A shard's changes of stored sessions on their way to disk: one batch at a time, so that they are
/// written in their order, and what comes meanwhile goes together.
struct SessionWrites {
    /// What is done when a change is on disk.
    enum FollowUp: Sendable {
        /// A message of the session's queue may be sent.
        case stored(Token, sequence: UInt64, sender: DownlinkSender)

        /// A message of a queue of another shard may be sent.
        case storedAt(StoredAt, sender: DownlinkSender)

        /// PUBREL may be sent for a message of the session.
        case release(Token, sequence: UInt64)

        /// PUBCOMP may be sent on the connection.
        case complete(Token, packetID: UInt16)

        /// PUBREC may be sent: the packet identifier of the session's message is there.
        case received(Token, packetID: UInt16, sender: DownlinkSender)

        /// A PUBLISH may be acknowledged, as far as this goes.
        case confirm(DownlinkSender)

        /// A SUBSCRIBE may be acknowledged, as far as this goes.
        case subscribed(Confirmation)

        /// The session of that name is not on disk any more.
        case removed(SessionName)

        /// A session that another node wants can be read.
        case yield(SessionName, YieldOrder)

        /// A session that another node had is on this one's disk.
        case taken(SessionName, NodeMail.Target)

        /// A session that another node has is on this one's disk no more.
        case left(SessionName, NodeMail.Target)

        /// A session of a node that is gone is this one's for good.
        case inherited(SessionName, Inheritance)

        /// A message that was kept for sessions of another node, which this one has taken over, is with those of the shard.
        case handedOut(ForwardNumber, shard: Int)

        /// A message that is kept for another node may be sent to it.
        case forward(NodeMail.Target, ForwardNumber, sender: DownlinkSender)

        /// It is kept no more; those shards of the node have it.
        case forwarded(ForwardNumber, node: UInt8, Forwards.Arrival)

        /// A message that another node has kept is known for good.
        case took(ForwardTaking, DownlinkSender)

        /// The same, which a node that is gone has kept for this one.
        case tookKept(ForwardTaking, InheritedKeep)

        /// A message that a node which is gone has kept is this one's to keep, or was taken here.
        case inheritedForward(InheritedKeep)

        /// Another node may be told that its filter is known for good.
        case held(NodeRequest, NodeMail.Target)
    }

    struct Write: Sendable {
        /// `nil`: only behind all others.
        let change: SessionChange?
        let followUp: FollowUp?

        /// Of what a node that is gone has kept: no one is waiting to hear that it could not be written.
        fileprivate var isInherited: Bool {
            if case .inheritedForward = followUp { true } else { false }
        }
    }

    private var waiting: [Write] = []
    private var underWay: [Write] = []
    private var retryAt: MonotonicInstant?

    /// Another node has the sessions.
    private var isVoid = false

    /// Nothing waits, and nothing is on its way.
    var isSettled: Bool { isVoid || waiting.isEmpty && underWay.isEmpty }

    /// Changes that wait or are on their way.
    var count: Int {
        waiting.count { $0.change != nil } + underWay.count { $0.change != nil }
    }

    mutating func append(_ change: SessionChange?, then followUp: FollowUp? = nil) {
        waiting.append(Write(change: change, followUp: followUp))
    }

    mutating func append(_ write: Write) { waiting.append(write) }

    /// The next batch to be submitted, if it is time for one.
    mutating func nextBatch(at time: MonotonicInstant) -> [SessionChange]? {
        guard !isVoid, underWay.isEmpty, !waiting.isEmpty else { return nil }
        if let retryAt, time < retryAt { return nil }
        retryAt = nil
        swap(&waiting, &underWay)
        return underWay.compactMap(\.change)
    }

    /// The batch is on disk: what is to be done now.
    mutating func written() -> [Write] {
        var done: [Write] = []
        swap(&done, &underWay)
        return done
    }

    /// The batch could not be written. Messages that were to be queued are given up with the packet
    /// identifiers they came by, and answered; all else is tried again, before what has come meanwhile.
    mutating func failed(at time: MonotonicInstant) -> [Write] {
        var given: [Write] = []
        var kept: [Write] = []
        for write in underWay {
            switch write.change {
            case .node(.keep) where write.isInherited: kept.append(write)
            case .append, .receive, .node(.keep), .node(.take): given.append(write)
            case nil, .put, .remove, .release, .delete, .sent, .complete, .node(.arrived),
                .node(.settle), .node(.hold), .node(.drop):
                kept.append(write)
            }
        }
        underWay = []
        waiting = kept + waiting
        retryAt = time.adding(milliseconds: Self.retryMilliseconds)
        return given
    }

    /// Nothing is written any more: what was to be.
    mutating func void() -> [Write] {
        isVoid = true
        defer {
            underWay = []
            waiting = []
        }
        return underWay + waiting
    }

    /// Until a store that could not write is asked again.
    static var retryMilliseconds: Int64 { 1_000 }

    /// When the next batch is due, while the store is left alone.
    var nextRetry: MonotonicInstant? { waiting.isEmpty ? nil : retryAt }
}

/// A QoS 2 message of a stored session whose writes are being gathered from the shards that keep it: so
/// that it is taken once, they are committed together with its packet identifier.
struct Gather {
    let connection: Token
    let session: Token
    let packetID: UInt16
    var writes: [SessionWrites.Write]

    /// The client's later connection, on which it has sent the message again meanwhile.
    var repeatedOn: Token?

    /// Answers that are to come.
    var outstanding: Int
    var isLost = false
}

/// What a shard answers to a message that is being gathered.
enum Gathered: Sendable {
    /// To be written for it.
    case write(StoredAt, QueuedMessage)

    /// Nothing is to be written there.
    case nothing

    /// What would have to be written can't be.
    case lost
}

/// A message in the queue of a stored session of another shard.
struct StoredAt: Sendable {
    let shard: Int
    let session: Token
    let number: SessionNumber
    let sequence: UInt64
}
