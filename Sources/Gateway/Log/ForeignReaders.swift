import Linux

/// Names a feed among those of its node.
struct FeedNumber: Hashable {
    let number: UInt64

    static func random() -> FeedNumber { FeedNumber(number: .random(in: 0 ... .max)) }
}

/// What of a shard is followed from other nodes: they ask for what has happened, again and again.
struct ForeignReaders<Source: Followed> {
    /// What is not asked for any more has no reader.
    private static var silenceMilliseconds: Int64 { 15_000 }

    /// More than all nodes of a cluster have readers for.
    private static var limit: Int { 256 }

    private struct Reader {
        let source: Source
        var askedAt: MonotonicInstant
        var told: Int
    }

    private var readers: [FeedNumber: Reader] = [:]

    var isEmpty: Bool { readers.isEmpty }

    /// What has happened since it was asked for last; `nil` of one that is new.
    mutating func take(
        _ number: FeedNumber, at now: MonotonicInstant
    ) -> (events: [Source.Event], dropped: UInt64)? {
        guard var one = readers[number] else { return nil }
        let feed = one.source.feed
        let dropped = feed.dropped
        defer {
            one.askedAt = now
            one.told = dropped
            readers[number] = one
        }
        var events: [Source.Event] = []
        while let event = feed.next() { events.append(event) }
        return (events, UInt64(dropped - one.told))
    }

    /// False when there are too many.
    mutating func insert(
        _ source: Source, as number: FeedNumber, at now: MonotonicInstant
    ) -> Bool {
        guard readers.count < Self.limit else { return false }
        readers[number] = Reader(source: source, askedAt: now, told: 0)
        return true
    }

    mutating func remove(_ number: FeedNumber) -> Source? {
        readers.removeValue(forKey: number)?.source
    }

    /// Those that no one reads any more.
    mutating func takeSilent(at now: MonotonicInstant) -> [Source] {
        let silent = readers.filter {
            now.milliseconds(since: $0.value.askedAt) > Self.silenceMilliseconds
        }
        for number in silent.keys { readers[number] = nil }
        return silent.values.map(\.source)
    }
}
