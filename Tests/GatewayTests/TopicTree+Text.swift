import MQTT
import Reactor

@testable import Gateway

/// The tree's verbs with text, for tests.
extension TopicTree {
    mutating func insert(_ subscriber: Subscriber, _ filter: String, isConnected: Bool = true) {
        insert(subscriber, filter: filter.utf8Span.span, isConnected: isConnected)
    }

    mutating func remove(_ session: SessionAddress, _ filter: String) -> Bool {
        remove(session, filter: filter.utf8Span.span)
    }

    /// Who gets a message to the topic.
    mutating func receivers(
        _ topic: String,
        from publisher: SessionAddress? = nil,
        where isWanted: (Subscriber) -> Bool = { _ in true }
    ) -> [Delivered] {
        var matches = Matches()
        collect(topic.utf8Span.span, from: publisher, into: &matches, where: isWanted)
        return matches.receivers.map { receiver in
            Delivered(
                session: receiver.session,
                qos: receiver.qos,
                retainAsPublished: receiver.retainAsPublished,
                identifiers: matches.identifiers(of: receiver).sorted(),
                share: share(of: receiver).map { String(decoding: $0, as: UTF8.self) }
            )
        }
    }

    /// The slots of the sessions that get a message to the topic.
    mutating func slots(_ topic: String) -> [UInt32] { receivers(topic).map(\.session.token.slot) }
}

/// One delivery, as the tests compare it.
struct Delivered: Equatable {
    let session: SessionAddress
    var qos: QoS
    var retainAsPublished = false
    var identifiers: [UInt32] = []
    var share: String?
}

extension SessionAddress {
    init(_ shard: Int, _ slot: UInt32) {
        self.init(shard: shard, token: Token(slot: slot, generation: 1))
    }
}

extension Subscriber {
    init(
        _ session: SessionAddress,
        _ qos: QoS = .atMostOnce,
        noLocal: Bool = false,
        retainAsPublished: Bool = false,
        identifier: UInt32 = 0
    ) {
        self.init(
            shard: session.shard,
            token: session.token,
            qos: qos,
            noLocal: noLocal,
            retainAsPublished: retainAsPublished,
            identifier: identifier
        )
    }
}
