import Bytes
import Glibc
import MQTT
import Testing

@testable import Gateway

@Suite struct TopicTreeTests {
    private func found(_ tree: TopicTree<Int>, _ topic: String) -> [Int] {
        var found: [Int] = []
        tree.collect(topic.utf8Span.span, into: &found)
        return found.sorted()
    }

    private func tree(_ filters: [String]) -> TopicTree<Int> {
        var tree = TopicTree<Int>(seed: 7)
        for (number, filter) in filters.enumerated() {
            tree.insert(number, filter: filter.utf8Span.span)
        }
        return tree
    }

    @Test(
        "4.7.1: levels, empty ones too, `+` for one and `#` for what is left, the parent among it",
        arguments: [
            ("a/b", [0, 1, 2, 3, 4]), ("a", [1, 6]), ("a/", [1, 2, 4]), ("/", [1, 4, 5]),
            ("/a", [1, 4, 5]), ("a/b/c", [1]), ("b/b", [1, 3, 4]), ("b", [1, 6]),
        ] as [(String, [Int])]
    )
    func wildcards(topic: String, numbers: [Int]) {
        let tree = tree(["a/b", "#", "a/+", "+/b", "+/+", "/+", "+", "c/#"])
        #expect(found(tree, topic) == numbers)
        #expect(found(tree, "c") == [1, 6, 7])
    }

    @Test("[MQTT-4.7.2-1] a topic that begins with $ is not matched by a wildcard at the start")
    func dollar() {
        let tree = tree(["#", "+/up", "+", "$SYS/#", "$SYS/+", "$SYS/up", "+/#"])
        #expect(found(tree, "$SYS/up") == [3, 4, 5])
        #expect(found(tree, "$SYS") == [3])
        #expect(found(tree, "a/$up") == [0, 6])
        #expect(found(tree, "a/up") == [0, 1, 6])
    }

    @Test("A subscription is there once for each filter, and removing it takes no other with it")
    func once() {
        var tree = tree(["a/b", "a/b", "a/b/c", "a"])
        tree.insert(0, filter: "a/b".utf8Span.span)
        #expect(tree.count == 4)
        let unknown = tree.remove(filter: "a/x".utf8Span.span) { _ in true }
        let another = tree.remove(filter: "a/b".utf8Span.span) { $0 == 9 }
        #expect(!unknown && !another && tree.count == 4)
        let removed = tree.remove(filter: "a/b".utf8Span.span) { $0 == 0 }
        #expect(removed && tree.count == 3)
        #expect(found(tree, "a/b") == [1] && found(tree, "a/b/c") == [2])
    }

    /// A filter, or a topic name, of few levels of few names, so that they meet.
    private func randomName(_ random: inout SplitMix64, isFilter: Bool) -> String {
        let names =
            isFilter ? ["a", "b", "", "$c", "ab", "+", "+", "+"] : ["a", "b", "", "$c", "ab"]
        var levels = (0..<Int.random(in: 1...4, using: &random)).map { _ in
            names.randomElement(using: &random) ?? ""
        }
        if isFilter, Int.random(in: 0..<4, using: &random) == 0 { levels.append("#") }
        let name = levels.joined(separator: "/")
        return name.isEmpty ? "/" : name
    }

    @Test(
        "4.7: finds what TopicFilter.matches says, and is empty when all are gone",
        arguments: 1...10 as ClosedRange<UInt64>
    )
    func property(seed: UInt64) {
        var random = SplitMix64(state: seed)
        var tree = TopicTree<Int>(seed: random.next())
        var filters: [(number: Int, text: String)] = []
        for number in 0..<600 {
            if filters.count > 60 || Int.random(in: 0..<3, using: &random) == 0 {
                guard let index = filters.indices.randomElement(using: &random) else { continue }
                let (number, text) = filters.remove(at: index)
                let removed = tree.remove(filter: text.utf8Span.span) { $0 == number }
                #expect(removed, "seed \(seed): \(text)")
            } else {
                let text = randomName(&random, isFilter: true)
                tree.insert(number, filter: text.utf8Span.span)
                filters.append((number, text))
            }
            let topic = randomName(&random, isFilter: false)
            let expected = filters.filter {
                TopicFilter.matches(filter: $0.text.utf8Span.span, topic: topic.utf8Span.span)
            }
            #expect(found(tree, topic) == expected.map(\.number).sorted(), "seed \(seed): \(topic)")
            #expect(tree.count == filters.count)
        }
        for (number, text) in filters.shuffled(using: &random) {
            tree.remove(filter: text.utf8Span.span) { $0 == number }
        }
        #expect(tree.isEmpty && tree.levelCount == 0, "seed \(seed)")
        #expect(found(tree, "a/b") == [])
    }

    /// CPU time of this thread, in nanoseconds.
    private func now() -> Double {
        var time = timespec()
        // Safe: fills the structure during the call.
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
    }

    private func collectNanoseconds(subscriptions: Int) -> Double {
        var tree = TopicTree<Int>(seed: 7)
        for number in 0..<subscriptions {
            tree.insert(number, filter: "d/pk/\(number)/down/#".utf8Span.span)
        }
        let topics = (0..<50).map { Array("d/pk/\($0 * subscriptions / 50)/down/x".utf8) }
        var matches: [Int] = []
        var best = Double.infinity
        for _ in 0..<10 {
            matches.removeAll(keepingCapacity: true)
            let start = now()
            for topic in topics { tree.collect(topic.span, into: &matches) }
            best = min(best, (now() - start) / Double(topics.count))
            #expect(matches.count == topics.count)
        }
        return best
    }

    @Test("What matching costs does not grow with the number of subscriptions")
    func cost() {
        let few = collectNanoseconds(subscriptions: 50)
        let many = collectNanoseconds(subscriptions: 50_000)
        print("topic matching: \(few) ns among 50, \(many) ns among 50,000")
        // A thousand times as many; what is allowed for is memory further away.
        #expect(many < 10 * few)
    }
}
