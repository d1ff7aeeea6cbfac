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
