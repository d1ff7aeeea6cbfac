package import MQTT
package import Reactor

/// One subscription as the topic trees hold it: whose it is, and what was asked for with it.
///
/// A session has at most one subscription to a filter ([MQTT-3.8.4-3]), so shard and token name it
/// below its filter.
package struct Subscriber: Sendable, Equatable {
    /// Where the session is, and its token there.
    package let shard: Int
    package let token: Token

    /// The most that it takes.
    package let qos: QoS

    /// Its own session's messages are not sent back ([MQTT-3.8.3-3]).
    package let noLocal: Bool

    /// Messages keep the RETAIN flag that they were published with ([MQTT-3.3.1-13]).
    package let retainAsPublished: Bool

    /// The session is a stored one: who publishes to it waits for the disk.
    package let isStored: Bool

    /// 1 to 268,435,455, or 0 for none.
    package let identifier: UInt32

    package init(
        shard: Int,
        token: Token,
        qos: QoS,
        noLocal: Bool,
        retainAsPublished: Bool = false,
        isStored: Bool = false,
        identifier: UInt32 = 0
    ) {
        self.shard = shard
        self.token = token
        self.qos = qos
        self.noLocal = noLocal
        self.retainAsPublished = retainAsPublished
        self.isStored = isStored
        self.identifier = identifier
    }

    package var session: SessionAddress { SessionAddress(shard: shard, token: token) }
}
