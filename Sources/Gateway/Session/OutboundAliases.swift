import Bytes

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
