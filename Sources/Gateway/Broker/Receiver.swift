package import MQTT
package import Reactor
import Sessions

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

/// What a receiver's subscriptions make of a message.
struct DeliveryTerms: Sendable {
    /// The lower of the message's and what was granted (3.8.4).
    let qos: QoS

    /// The RETAIN flag of the PUBLISH to the receiver ([MQTT-3.3.1-12], [MQTT-3.3.1-13]).
    let isRetained: Bool

    /// Of the subscriptions that match ([MQTT-3.3.4-3]).
    let subscriptionIdentifiers: [UInt32]

    /// The shared subscription that it comes by; `nil`: by one of the receiver's own.
    let sharedFilter: [UInt8]?

    /// It was published with the RETAIN flag just now, and comes live.
    let isBeingRetained: Bool

    /// Not one that was counted when the receiver got it before (rule C2).
    let isCounted: Bool

    init(
        qos: QoS,
        isRetained: Bool = false,
        isBeingRetained: Bool = false,
        subscriptionIdentifiers: [UInt32] = [],
        sharedFilter: [UInt8]? = nil,
        isCounted: Bool = true
    ) {
        self.qos = qos
        self.isRetained = isRetained
        self.isCounted = isCounted
        self.isBeingRetained = isBeingRetained
        self.subscriptionIdentifiers = subscriptionIdentifiers
        self.sharedFilter = sharedFilter
    }

    /// The bytes of the identifiers, as properties of a PUBLISH.
    var identifierBytes: Int {
        subscriptionIdentifiers.reduce(0) { $0 + 1 + VariableByteInteger.size(of: Int($1)) }
    }
}

extension QueuedMessage {
    /// A message in line for a receiver, with what its subscriptions make of it.
    init(_ message: Message, _ terms: DeliveryTerms, units: UInt32) {
        self.init(
            message,
            qos: terms.qos,
            isRetained: terms.isRetained,
            subscriptionIdentifiers: terms.subscriptionIdentifiers,
            sharedFilter: terms.sharedFilter,
            units: units
        )
    }
}

extension DeliveryTerms {
    init(_ queued: QueuedMessage) {
        self.init(
            qos: queued.qos,
            isRetained: queued.isRetained,
            subscriptionIdentifiers: queued.subscriptionIdentifiers,
            sharedFilter: queued.sharedFilter
        )
    }
}
