public import LedgerModel
public import Linux

/// How a node stands to one of its peers.
public struct PeerStanding: Hashable, Sendable {
    public let name: NodeName

    /// The random number of the peer's process; 0 when there was no link yet.
    public let epoch: UInt64
    public let isUp: Bool

    /// Up, or not.
    public let since: MonotonicInstant

    /// Anything, if only that it is there.
    public let heardAt: MonotonicInstant

    /// Posted, and not acknowledged.
    public let waitingBytes: Int

    /// Datagrams that were sent again, on all links to it so far.
    public let resent: UInt64

    /// Of the last datagram that was acknowledged; the acknowledgement may have waited some milliseconds for one
    /// to travel with.
    public let roundTripNanoseconds: Int64?

    init(_ link: LinkCore) {
        name = link.peer
        epoch = link.epoch
        isUp = link.isUp
        since = link.since
        heardAt = link.heardAt
        waitingBytes = link.bufferedBytes
        resent = link.resentFrames
        roundTripNanoseconds = link.roundTripNanoseconds
    }
}

/// Datagrams that were not looked at further.
public struct PassedOver: Hashable, Sendable {
    public internal(set) var malformed: UInt64 = 0
    public internal(set) var ofAnotherVersion: UInt64 = 0

    /// Of another cluster.
    public internal(set) var foreign: UInt64 = 0

    /// Of another process with this node's name, which must not be.
    public internal(set) var namesakes: UInt64 = 0

    /// Of nodes for which there is no place.
    public internal(set) var crowded: UInt64 = 0

    /// Of any node, because this one had not taken earlier ones yet.
    public internal(set) var flooded: UInt64 = 0

    mutating func count(_ reason: Unreadable) {
        switch reason {
        case .version: ofAnotherVersion += 1
        case .malformed: malformed += 1
        }
    }
}
