public import LedgerModel

/// What a node hears of its peers, in order for each peer.
public enum LinkEvent: Hashable, Sendable {
    /// A link begins: what the peer posts from now on comes.
    case up(NodeName)

    case batch(NodeName, [UInt8])

    /// The link is over, for both sides: the peer has gone, was started anew, or was silent for too long. What
    /// was posted to it and not received is lost, and which batches those are is not told.
    case down(NodeName)
}

/// What is to be done, in this order: events first, as what was received should not wait for a socket.
struct LinkOutput: Hashable, Sendable {
    struct Outbound: Hashable, Sendable {
        let bytes: [UInt8]

        /// `nil`: to all.
        let node: NodeName?
    }

    var events: [LinkEvent] = []
    var datagrams: [Outbound] = []
}
