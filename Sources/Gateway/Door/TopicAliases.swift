import Bytes

/// Topic aliases of one client, for one connection (3.3.2.3.4). Owns no memory until one is used.
struct InboundAliases {
    /// By alias less one; empty: not in use yet.
    private var topics: [[UInt8]] = []

    /// From now on the alias stands for that topic: one that the client may use, as there is memory for
    /// all below it too.
    mutating func set(_ alias: UInt16, to topic: Span<UInt8>) {
        precondition(alias > 0, "no alias is 0 ([MQTT-3.3.2-8])")
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

    private var topics: [[UInt8]] = []

    /// Names the topic of a PUBLISH that is sent now, with at most `limit` aliases. Costs a comparison with
    /// each.
    mutating func choose(for topic: Span<UInt8>, limit: UInt16) -> Choice {
        for index in topics.indices {
            let held = topics[index]
            if topic.isEqual(to: held.span) { return .known(UInt16(index + 1)) }
        }
        guard topics.count < Int(limit) else { return .none }
        topics.append(topic.bytesArray)
        return .fresh(UInt16(topics.count))
    }
}
