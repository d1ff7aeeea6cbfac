import MQTT
import Randomness
import Testing

@testable import Gateway

@Suite struct TopicTreeModelTests {
    /// A filter, or a topic name, of few levels of few names, so that they meet.
    private func randomName(_ random: inout SplitMix64, isFilter: Bool) -> String {
        let names =
            isFilter ? ["a", "b", "", "$c", "ab", "+", "+", "+"] : ["a", "b", "", "$c", "ab"]
        var levels = (0..<Int.random(in: 1...4, using: &random)).map { _ in
            names.randomElement(using: &random) ?? ""
        }
        if isFilter, Int.random(in: 0..<4, using: &random) == 0 { levels.append("#") }
        let name = levels.joined(separator: "/")
        let filter = name.isEmpty ? "/" : name
        guard isFilter, Int.random(in: 0..<3, using: &random) == 0 else { return filter }
        return "$share/\(Bool.random(using: &random) ? "g" : "h")/\(filter)"
    }

    private func randomSubscriber(
        _ random: inout SplitMix64,
        _ session: SessionAddress
    ) -> Subscriber {
        Subscriber(
            session,
            QoS.allCases.randomElement(using: &random) ?? .atMostOnce,
            noLocal: Int.random(in: 0..<4, using: &random) == 0,
            retainAsPublished: Bool.random(using: &random),
            identifier: Bool.random(using: &random) ? .random(in: 1...9, using: &random) : 0
        )
    }

    private func check(
        _ tree: inout TopicTree,
        against model: TopicTreeModel,
        _ random: inout SplitMix64,
        _ sessions: [SessionAddress],
        _ seed: UInt64
    ) {
        let topic = randomName(&random, isFilter: false)
        let publisher = Bool.random(using: &random) ? sessions.randomElement(using: &random) : nil
        let excluded = Bool.random(using: &random) ? sessions.randomElement(using: &random) : nil
        let found = tree.receivers(topic, from: publisher) { $0.session != excluded }
        let own = found.filter { $0.share == nil }
        #expect(own == model.ownDeliveries(topic, from: publisher), "seed \(seed): \(topic)")
        var candidates = model.candidates(topic) { $0.session != excluded }
        for delivered in found {
            guard let share = delivered.share else { continue }
            let allowed = candidates.removeValue(forKey: share) ?? []
            #expect(allowed.contains(delivered), "seed \(seed): \(topic), \(delivered)")
        }
        #expect(candidates.isEmpty, "seed \(seed): \(topic), a share without a receiver")
        #expect(found.map(\.session.shard) == found.map(\.session.shard).sorted())
        #expect(tree.count == model.entries.count)
    }

    @Test(
        "4.7, 4.8.2: finds what reading all subscriptions finds, and is empty when all are gone",
        arguments: 1...12 as ClosedRange<UInt64>
    )
    func property(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var tree = TopicTree(seed: random.next(), shard: Int(seed % 4))
        var model = TopicTreeModel()
        let sessions = (0..<8).map { SessionAddress($0 % 3, UInt32($0)) }
        for _ in 0..<600 {
            guard let session = sessions.randomElement(using: &random) else { return }
            let dice = Int.random(in: 0..<(model.entries.count > 60 ? 6 : 9), using: &random)
            if dice < 4, let index = model.entries.indices.randomElement(using: &random) {
                let entry = model.entries[index]
                model.remove(at: index)
                let removed = tree.remove(entry.subscriber.session, entry.text)
                #expect(removed, "seed \(seed): \(entry)")
            } else if dice == 5 {
                let isConnected = Bool.random(using: &random)
                tree.setConnected(session, isConnected)
                model.setConnected(session, isConnected)
            } else {
                let text = randomName(&random, isFilter: true)
                let subscriber = randomSubscriber(&random, session)
                let isConnected = Bool.random(using: &random)
                tree.insert(subscriber, text, isConnected: isConnected)
                model.insert(subscriber, text, isConnected: isConnected)
            }
            check(&tree, against: model, &random, sessions, seed)
        }
        for entry in model.entries.shuffled(using: &random) {
            let removed = tree.remove(entry.subscriber.session, entry.text)
            #expect(removed, "seed \(seed): \(entry)")
        }
        #expect(tree.isEmpty && tree.levelCount == 0 && tree.groupCount == 0, "seed \(seed)")
        #expect(tree.receivers("a/b").isEmpty)
    }
}
