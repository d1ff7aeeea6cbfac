package import MQTT
package import Reactor

/// One delivery of a message: to a session for all of its own subscriptions that match, or to one
/// member of a share.
package struct Receiver: Sendable, Equatable {
    package let shard: Int
    package let token: Token

    /// The highest that it asked for ([MQTT-3.3.4-2]); the message's own may be lower.
    package internal(set) var qos: QoS

    /// Whether any of its subscriptions keeps the RETAIN flag ([MQTT-3.3.1-13]).
    package internal(set) var retainAsPublished: Bool

    /// The session is a stored one.
    package let isStored: Bool

    /// The share's number in the tree, good until the tree is changed; -1 for a subscription of its
    /// own.
    let groupNumber: Int32

    /// Where its subscription identifiers are among those of `Matches`.
    let firstIdentifier: Int32
    package internal(set) var identifierCount: Int32 = 0

    package var session: SessionAddress { SessionAddress(shard: shard, token: token) }

    /// Whether there is a subscription identifier to go with the message.
    var hasIdentifiers: Bool { identifierCount > 0 }

    /// Whether it gets the message as the member of a share.
    package var isShared: Bool { groupNumber >= 0 }
}
