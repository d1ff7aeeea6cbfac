import DequeModule

/// A client's PUBLISHes whose acknowledgements wait for the outcome of a downlink, for a disk, or behind
/// one that does: acknowledgements keep the order of their PUBLISHes ([MQTT-4.6.0-2], [MQTT-4.6.0-3]).
///
/// At most as many as the Receive Maximum that the client was told. Owns no memory while empty.
struct UnansweredPublishes {
    struct Entry: Equatable {
        let packetID: UInt16
        let isExactlyOnce: Bool
        var verdict: PublishVerdict

        /// What has to be on disk before, and is not known to be.
        var outstanding = 0

        /// Its packet identifier is among those that the session has received.
        var isReceived = false

        var isDecided: Bool { verdict.isDecided && outstanding == 0 }
    }

    private var entries: Deque<Entry> = []

    /// How many of them are also among the packet identifiers that the session has received.
    private(set) var receivedCount = 0

    var isEmpty: Bool { entries.isEmpty }
    var count: Int { entries.count }

    func contains(_ packetID: UInt16) -> Bool { entries.contains { $0.packetID == packetID } }

    mutating func append(_ entry: Entry) {
        entries.append(entry)
        if entry.isReceived { receivedCount += 1 }
    }

    /// The outcome of the first undecided message with that packet identifier.
    mutating func decide(_ packetID: UInt16, _ outcome: DownlinkOutcome) {
        for index in entries.indices where entries[index].packetID == packetID {
            guard case .undecided(let hasSubscribers) = entries[index].verdict else { continue }
            entries[index].verdict = PublishVerdict(outcome, hasSubscribers: hasSubscribers)
            return
        }
    }

    /// So many of the things that a message waits for are done.
    mutating func confirm(_ packetID: UInt16, count: Int, _ confirmed: WriteOutcome) {
        for index in entries.indices
        where entries[index].packetID == packetID && entries[index].outstanding > 0 {
            entries[index].outstanding -= count
            if let objection = confirmed.verdict { entries[index].verdict = objection }
            return
        }
    }

    /// The next acknowledgement, when its turn has come.
    mutating func next() -> Entry? {
        guard let first = entries.first, first.isDecided else { return nil }
        entries.removeFirst()
        if first.isReceived { receivedCount -= 1 }
        if entries.isEmpty { entries = [] }
        return first
    }
}
