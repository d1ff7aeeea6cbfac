import Bytes
import Gateway
import MQTT
import Reactor

/// What finding a message's receivers costs.
public enum MatchingMeasurement {
    private static func subscriber(_ number: Int, identifier: UInt32 = 0) -> Subscriber {
        Subscriber(
            shard: number % 4,
            token: Token(slot: UInt32(number), generation: 1),
            qos: .atLeastOnce,
            noLocal: false,
            identifier: identifier
        )
    }

    private static func insert(_ subscriber: Subscriber, _ filter: String, _ tree: inout TopicTree)
    {
        tree.insert(subscriber, filter: filter.utf8Span.span)
    }

    /// Nanoseconds for one topic that one filter matches, among `subscriptions` filters.
    public static func nanosecondsOfOne(among subscriptions: Int, topics count: Int = 1_000)
        -> Double
    {
        var tree = TopicTree(seed: 7, shard: 0)
        for number in 0..<subscriptions {
            insert(subscriber(number), "d/pk/\(number)/down/#", &tree)
        }
        let topics = (0..<count).map { index in
            Array("d/pk/\(index * 7_919 % subscriptions)/down/x".utf8)
        }
        var matches = Matches()
        var found = 0
        let nanoseconds = ProcessorTime.least(of: 10) {
            found = 0
            for topic in topics {
                tree.collect(topic.span, from: nil, into: &matches)
                found += matches.receivers.count
            }
        }
        precondition(found == count, "each topic has one receiver")
        return nanoseconds / Double(count)
    }

    /// Nanoseconds for each of `receivers` that one topic has, each of them with so many overlapping
    /// filters.
    public static func nanosecondsOfEach(
        of receivers: Int,
        overlapping filters: Int = 1,
        identifier: UInt32 = 0
    ) -> Double {
        var tree = TopicTree(seed: 7, shard: 0)
        for number in 0..<receivers {
            for filter in ["a/b/c", "a/+/c", "a/#"].prefix(filters) {
                insert(subscriber(number, identifier: identifier), filter, &tree)
            }
        }
        var matches = Matches()
        let nanoseconds = ProcessorTime.least(of: 100) {
            tree.collect("a/b/c".utf8Span.span, from: nil, into: &matches)
        }
        precondition(matches.receivers.count == receivers, "each session is one receiver")
        return nanoseconds / Double(receivers)
    }

    /// Nanoseconds for one topic that a share of so many members gets, and how far the members' numbers
    /// of messages are apart.
    public static func nanosecondsOfShare(
        members: Int,
        messages: Int = 10_000
    ) -> (nanoseconds: Double, spread: Int) {
        var tree = TopicTree(seed: 7, shard: 0)
        for number in 0..<members { insert(subscriber(number), "$share/g/a/+/c", &tree) }
        var matches = Matches()
        var got = [Int](repeating: 0, count: members)
        let nanoseconds = ProcessorTime.least(of: 1) {
            for _ in 0..<messages {
                tree.collect("a/b/c".utf8Span.span, from: nil, into: &matches)
                for receiver in matches.receivers { got[Int(receiver.token.slot)] += 1 }
            }
        }
        return (nanoseconds / Double(messages), (got.max() ?? 0) - (got.min() ?? 0))
    }
}
