import Ledger
import Linux

/// Names a trace among those of its node.
struct TraceNumber: Hashable {
    let number: UInt64

    static func random() -> TraceNumber { TraceNumber(number: .random(in: 0 ... .max)) }
}

/// Traces of a shard's devices that are read from other nodes: they ask for what has happened, again and again.
struct ForeignTraces {
    /// A trace that is not asked for any more has no reader.
    private static let silenceMilliseconds: Int64 = 15_000

    /// More than all nodes of a cluster have readers for.
    private static let limit = 256

    private struct Followed {
        let trace: DeviceTrace
        var askedAt: MonotonicInstant
        var told: Int
    }

    private var followed: [TraceNumber: Followed] = [:]

    var isEmpty: Bool { followed.isEmpty }

    /// What has happened since it was asked for last; `nil` of one that is new.
    mutating func take(
        _ number: TraceNumber, at now: MonotonicInstant
    ) -> (events: [TraceEvent], dropped: UInt64)? {
        guard var one = followed[number] else { return nil }
        let dropped = one.trace.dropped
        defer {
            one.askedAt = now
            one.told = dropped
            followed[number] = one
        }
        var events: [TraceEvent] = []
        while let event = one.trace.next() { events.append(event) }
        return (events, UInt64(dropped - one.told))
    }

    /// False when there are too many.
    mutating func insert(
        _ trace: DeviceTrace, as number: TraceNumber, at now: MonotonicInstant
    ) -> Bool {
        guard followed.count < Self.limit else { return false }
        followed[number] = Followed(trace: trace, askedAt: now, told: 0)
        return true
    }

    mutating func remove(_ number: TraceNumber) -> DeviceTrace? {
        followed.removeValue(forKey: number)?.trace
    }

    /// Those that no one reads any more.
    mutating func takeSilent(at now: MonotonicInstant) -> [DeviceTrace] {
        let silent = followed.filter {
            now.milliseconds(since: $0.value.askedAt) > Self.silenceMilliseconds
        }
        for number in silent.keys { followed[number] = nil }
        return silent.values.map(\.trace)
    }
}
