import Bytes

/// Topic aliases of one client, for one connection (3.3.2.3.4). Owns no memory until one is used.
struct InboundAliases {
    /// The highest that the client was told it may use; 0: none.
    let limit: Int

    /// By alias less one; empty: not in use yet.
    private var topics: [[UInt8]] = []

    init(limit: Int) { self.limit = limit }

    /// Whether the client may use that alias ([MQTT-3.3.2-9]).
    func allows(_ alias: UInt16) -> Bool { alias > 0 && Int(alias) <= limit }

    /// From now on the alias, which must be allowed, stands for that topic.
    mutating func set(_ alias: UInt16, to topic: Span<UInt8>) {
        precondition(allows(alias), "an alias within the limit")
        while topics.count < Int(alias) { topics.append([]) }
        topics[Int(alias) - 1] = topic.bytesArray
    }

    /// The topic that the alias stands for; `nil` when it has none yet.
    func topic(of alias: UInt16) -> [UInt8]? {
        guard Int(alias) <= topics.count, !topics[Int(alias) - 1].isEmpty else { return nil }
        return topics[Int(alias) - 1]
    }
}

/// Topic aliases towards one client, for one connection: the first topics that it gets have one each,
/// at most as many as it allows ([MQTT-3.1.2-26], [MQTT-3.1.2-27]). Owns no memory until then.
struct OutboundAliases {
    /// How a PUBLISH names its topic.
    enum Choice {
        /// By its name.
        case none

        /// By its name, and from then on by that number.
        case fresh(UInt16)

        /// By its number only.
        case known(UInt16)

        var number: UInt16? {
            switch self {
            case .none: nil
            case .fresh(let number), .known(let number): number
            }
        }

        var isKnown: Bool { if case .known = self { true } else { false } }
    }

    let limit: Int
    private var topics: [[UInt8]] = []

    init(limit: Int) { self.limit = limit }

    /// Names the topic of a PUBLISH that is sent now. Costs a comparison with each alias.
    mutating func choose(for topic: Span<UInt8>) -> Choice {
        for index in topics.indices {
            let held = topics[index]
            if topic.isEqual(to: held.span) { return .known(UInt16(index + 1)) }
        }
        guard topics.count < limit else { return .none }
        topics.append(topic.bytesArray)
        return .fresh(UInt16(topics.count))
    }
}
