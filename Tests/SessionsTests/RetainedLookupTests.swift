import MQTT
import Processes
import Randomness
import Storage
import Testing
import Time

@testable import Sessions

@Suite(.computes) struct RetainedLookupTests {
    private func matches(_ filter: String, _ topic: String) -> Bool {
        TopicFilter.matches(filter: filter.utf8Span.span, topic: topic.utf8Span.span)
    }

    private func isFilter(_ text: String) -> Bool { (try? TopicFilter(text.utf8Span.span)) != nil }

    @Test("[MQTT-4.7.2-1] topics that begin with $ are not found by a wildcard at the start")
    func dollar() throws {
        let store = try RetainedTestStore()
        for topic in ["!", "$SYS", "$SYS/a", "$", "%", "a/$SYS", "$/a"] {
            try store.put(topic, "x")
        }
        #expect(try store.topics("#") == ["!", "%", "a/$SYS"])
        #expect(try store.topics("+") == ["!", "%"])
        #expect(try store.topics("+/#") == ["!", "%", "a/$SYS"])
        #expect(try store.topics("+/a") == [])
        #expect(try store.topics("$SYS/#") == ["$SYS", "$SYS/a"])
        #expect(try store.topics("$SYS/+") == ["$SYS/a"])
        #expect(try store.topics("a/+") == ["a/$SYS"])
    }

    @Test(
        "4.7: every filter of up to five characters finds what it matches, among all short topics")
    func everyFilter() throws {
        let store = try RetainedTestStore()
        // Below and above the slash, and the one right behind what the slash becomes.
        let letters = ["a", "/", "-", "\u{1}"]
        var topics = letters
        for _ in 0..<4 { topics += topics.flatMap { topic in letters.map { topic + $0 } } }
        topics = Array(Set(topics.filter { $0.utf8.count <= 5 })).sorted()
        try store.environment.write { transaction throws(StoreError) in
            for topic in topics {
                _ = try store.retained.put(
                    RetainedTestStore.message(topic, "x"),
                    limits: RetainedTestStore.unbounded,
                    now: Timestamp(seconds: 0),
                    in: transaction
                )
            }
        }
        var filters = ["a", "/", "-", "+", "#"]
        for _ in 0..<4 {
            filters += filters.flatMap { filter in ["a", "/", "+", "#"].map { filter + $0 } }
        }
        filters = Array(Set(filters.filter { $0.utf8.count <= 5 && isFilter($0) })).sorted()
        #expect(topics.count == 4 + 16 + 64 + 256 + 1024 && filters.count > 100)
        for filter in filters {
            let found = try store.topics(filter)
            let expected = topics.filter { matches(filter, $0) }
            #expect(found.count == expected.count && Set(found) == Set(expected), "\(filter)")
        }
    }

    /// A name of few levels of few names, some of which are longer together than a key.
    private func randomName(_ random: inout SplitMix64, isFilter: Bool) -> String {
        let x = String(repeating: "x", count: 238)
        var names = ["a", "b", "", "$c", "ab", "-", x, x + "y", x + "yy", x + x, x + x + "xxxx"]
        if isFilter { names += Array(repeating: "+", count: 8) }
        var levels = (0..<Int.random(in: 1...4, using: &random)).map { _ in
            names.randomElement(using: &random) ?? ""
        }
        if isFilter, Int.random(in: 0..<4, using: &random) == 0 { levels.append("#") }
        let name = levels.joined(separator: "/")
        return name.isEmpty ? "/" : name
    }

    private func check(
        _ store: RetainedTestStore,
        _ model: [String: (payload: String, expiresAt: Int64?)],
        _ random: inout SplitMix64,
        now: Int64,
        _ seed: UInt64
    ) throws {
        let filter = randomName(&random, isFilter: true)
        let limits = RetainedPageLimits(
            messages: .random(in: 1...5, using: &random),
            bytes: .random(in: 1...2_000, using: &random),
            steps: .random(in: 1...8, using: &random)
        )
        let found = try store.lookUp(filter, limits: limits, now: now)
        let expected = model.filter { topic, held in
            matches(filter, topic) && (held.expiresAt.map { $0 > now } ?? true)
        }
        let texts = Dictionary(
            found.map { (String(decoding: $0.topic, as: UTF8.self), $0.text) },
            uniquingKeysWith: { _, _ in "found twice" })
        #expect(texts == expected.mapValues(\.payload), "seed \(seed): \(filter)")
    }

    @Test(
        "Finds what reading all topics finds, in pages of any size, whatever came and went",
        arguments: 1...10 as ClosedRange<UInt64>
    )
    func property(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let store = try RetainedTestStore()
        var model: [String: (payload: String, expiresAt: Int64?)] = [:]
        for now in 0..<400 as Range<Int64> {
            let known = model.keys.sorted().randomElement(using: &random)
            let dice = Int.random(in: 0..<8, using: &random)
            if dice == 0, let known {
                model[known] = nil
                #expect(try store.put(known, "", now: now) == .deleted)
            } else if dice == 1 {
                _ = try store.sweep(now: now)
                model = model.filter { $0.value.expiresAt.map { $0 > now } ?? true }
            } else {
                let topic =
                    dice == 2 ? known ?? "a" : randomName(&random, isFilter: false)
                let expiresAt = Bool.random(using: &random) ? now + .random(in: 1...90) : nil
                let outcome = try store.put(topic, "\(now)", expiresAt: expiresAt, now: now)
                #expect(outcome == (model[topic] == nil ? .stored : .replaced))
                model[topic] = ("\(now)", expiresAt)
            }
            try check(store, model, &random, now: now, seed)
            try check(store, model, &random, now: now, seed)
            if now % 50 == 0 { #expect(try store.verify() == [], "seed \(seed)") }
        }
        let totals = try store.totals()
        #expect(totals.messages == model.count && model.count > 30)
        for topic in model.keys { try store.put(topic, "") }
        #expect(try store.totals() == RetainedTotals())
        #expect(try store.verify() == [])
    }

    @Test("A filter with literal levels reads no topic beside its way")
    func steps() throws {
        let store = try RetainedTestStore()
        try store.environment.write { transaction throws(StoreError) in
            for group in 0..<20 {
                for name in ["a", "b", "c", "d", "e"] {
                    for number in 0..<20 {
                        _ = try store.retained.put(
                            RetainedTestStore.message("a/\(group)/\(name)/\(number)", "x"),
                            limits: RetainedTestStore.unbounded,
                            now: Timestamp(seconds: 0),
                            in: transaction
                        )
                    }
                }
            }
        }
        // Of each group: its first topic, the one wanted, and the one behind it.
        let limits = RetainedPageLimits(messages: .max, bytes: .max, steps: 20 * 3 + 2)
        let page = try store.environment.read { transaction throws(StoreError) in
            try store.retained.page(
                matching: "a/+/c/7".utf8Span.span,
                limits: limits,
                now: Timestamp(seconds: 0),
                in: transaction
            )
        }
        #expect(page.messages.count == 20 && page.next == nil)
    }
}
