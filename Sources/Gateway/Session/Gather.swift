import Reactor
import Sessions

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
