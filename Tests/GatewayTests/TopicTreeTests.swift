import Bytes
import MQTT
import Randomness
import RoutingLoad
import Testing

@testable import Gateway

@Suite struct TopicTreeTests {
    /// A tree in which session 0 has the first filter, and so on.
    private func tree(_ filters: [String]) -> TopicTree {
        var tree = TopicTree(seed: 7, shard: 0)
        for (number, filter) in filters.enumerated() {
            tree.insert(Subscriber(SessionAddress(0, UInt32(number))), filter)
        }
        return tree
    }

    @Test(
        "4.7.1: levels, empty ones too, `+` for one and `#` for what is left, the parent among it",
        arguments: [
            ("a/b", [0, 1, 2, 3, 4]), ("a", [1, 6]), ("a/", [1, 2, 4]), ("/", [1, 4, 5]),
            ("/a", [1, 4, 5]), ("a/b/c", [1]), ("b/b", [1, 3, 4]), ("b", [1, 6]),
        ] as [(String, [UInt32])]
    )
    func wildcards(topic: String, slots: [UInt32]) {
        var tree = tree(["a/b", "#", "a/+", "+/b", "+/+", "/+", "+", "c/#"])
        #expect(tree.slots(topic) == slots)
        #expect(tree.slots("c") == [1, 6, 7])
    }

    @Test("[MQTT-4.7.2-1] a topic that begins with $ is not matched by a wildcard at the start")
    func dollar() {
        var tree = tree([
            "#", "+/up", "+", "$SYS/#", "$SYS/+", "$SYS/up", "+/#", "$share/g/#", "$share/g/$SYS/#",
        ])
        #expect(tree.slots("$SYS/up") == [3, 4, 5, 8])
        #expect(tree.slots("$SYS") == [3, 8])
        #expect(tree.slots("a/$up") == [0, 6, 7])
        #expect(tree.slots("a/up") == [0, 1, 6, 7])
    }

    @Test("[MQTT-3.8.4-3] a session's subscription to the same filter is replaced")
    func replaced() {
        var tree = TopicTree(seed: 7, shard: 0)
        let session = SessionAddress(0, 1)
        for filter in ["a/+", "$share/g/a/+", "$share/h/a/+"] {
            tree.insert(Subscriber(session, .atMostOnce, identifier: 5), filter)
            tree.insert(
                Subscriber(session, .exactlyOnce, retainAsPublished: true, identifier: 6), filter)
        }
        #expect(tree.count == 3 && tree.groupCount == 2)
        let delivered = Delivered(
            session: session, qos: .exactlyOnce, retainAsPublished: true, identifiers: [6])
        let shares = [nil, "$share/g/a/+", "$share/h/a/+"]
        let expected = shares.map { share in
            var delivered = delivered
            delivered.share = share
            return delivered
        }
        #expect(tree.receivers("a/b") == expected)
        let removed = shares.map { tree.remove(session, $0 ?? "a/+") }
        #expect(removed == [true, true, true] && tree.isEmpty && tree.groupCount == 0)
        #expect(tree.levelCount == 0)
    }

    @Test("Removing a subscription takes no other with it")
    func removed() {
        var tree = tree(["a/b", "a/b", "a/b/c", "a", "$share/g/a/b", "$share/h/a/b"])
        let unknown = tree.remove(SessionAddress(0, 0), "a/x")
        let another = tree.remove(SessionAddress(0, 9), "a/b")
        let otherShard = tree.remove(SessionAddress(1, 0), "a/b")
        let shared = tree.remove(SessionAddress(0, 0), "$share/g/a/b")
        let unshared = tree.remove(SessionAddress(0, 4), "a/b")
        #expect(!unknown && !another && !otherShard && !shared && !unshared && tree.count == 6)
        let removed = tree.remove(SessionAddress(0, 0), "a/b")
        #expect(removed && tree.slots("a/b") == [1, 4, 5] && tree.slots("a/b/c") == [2])
        let sharedRemoved = tree.remove(SessionAddress(0, 4), "$share/g/a/b")
        #expect(sharedRemoved && tree.slots("a/b") == [1, 5] && tree.count == 4)
    }

    @Test(
        """
        [MQTT-3.3.4-2] [MQTT-3.3.4-3] [MQTT-3.3.4-4] overlapping subscriptions are one delivery: the \
        highest QoS, all identifiers, retain as published if one asks for it
        """
    )
    func overlaps() {
        var tree = TopicTree(seed: 7, shard: 0)
        let (session, other) = (SessionAddress(1, 7), SessionAddress(0, 7))
        tree.insert(Subscriber(session, .atMostOnce, identifier: 268_435_455), "a/#")
        tree.insert(Subscriber(session, .exactlyOnce), "a/+")
        tree.insert(Subscriber(session, .atLeastOnce, identifier: 3), "+/b")
        tree.insert(Subscriber(session, .exactlyOnce, identifier: 9), "a/c")
        tree.insert(Subscriber(other, .atLeastOnce), "a/b")
        #expect(
            tree.receivers("a/b") == [
                Delivered(session: other, qos: .atLeastOnce),
                Delivered(
                    session: session, qos: .exactlyOnce, identifiers: [3, 268_435_455]),
            ])
        tree.insert(Subscriber(session, .atMostOnce, retainAsPublished: true), "#")
        #expect(tree.receivers("a/b").map(\.retainAsPublished) == [false, true])
        #expect(tree.receivers("x/b").map(\.identifiers) == [[3]])
    }

    @Test(
        "[MQTT-3.8.3-3] no local: only the publisher's own subscriptions that say so are left out")
    func noLocal() {
        var tree = TopicTree(seed: 7, shard: 0)
        let (publisher, twin) = (SessionAddress(0, 1), SessionAddress(1, 1))
        tree.insert(Subscriber(publisher, noLocal: true, identifier: 1), "a/b")
        tree.insert(Subscriber(twin, noLocal: true), "a/b")
        #expect(tree.receivers("a/b", from: publisher).map(\.session) == [twin])
        #expect(tree.receivers("a/b", from: nil).map(\.session) == [publisher, twin])
        tree.insert(Subscriber(publisher, identifier: 2), "a/+")
        let found = tree.receivers("a/b", from: publisher)
        #expect(found.map(\.session) == [publisher, twin] && found[0].identifiers == [2])
    }

    @Test("Ten thousand subscribers of overlapping filters stand shard by shard, each once")
    func many() {
        var tree = TopicTree(seed: 7, shard: 0)
        var random = SplitMix64(seed: 3)
        for number in (0..<10_000).shuffled(using: &random) {
            let session = SessionAddress(number % 4, UInt32(number))
            for filter in ["a/b", "a/+", "#"] where Int.random(in: 0..<3, using: &random) > 0 {
                tree.insert(Subscriber(session), filter)
            }
            tree.insert(Subscriber(session), "+/b")
        }
        var matches = Matches()
        let start = ProcessorTime.nanoseconds()
        tree.collect("a/b".utf8Span.span, from: nil, into: &matches)
        let duration = ProcessorTime.nanoseconds() - start
        #expect(matches.receivers.count == 10_000)
        let isSorted = zip(matches.receivers, matches.receivers.dropFirst()).allSatisfy {
            $0.session < $1.session
        }
        #expect(isSorted && duration < 1e9)
    }
}
