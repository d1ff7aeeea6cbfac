import MQTT
import Reactor
import Testing

@testable import Gateway

@Suite struct SubscriberTests {
    private func subscriber(_ shard: Int, _ slot: UInt32, _ qos: QoS) -> Subscriber {
        Subscriber(
            shard: shard,
            token: Token(slot: slot, generation: 1),
            qos: qos,
            noLocal: false
        )
    }

    @Test("[MQTT-3.3.4-2] overlapping subscriptions are one delivery, at the highest QoS of them")
    func overlaps() {
        var found = [
            subscriber(1, 7, .atMostOnce), subscriber(0, 7, .atLeastOnce),
            subscriber(1, 7, .atLeastOnce), subscriber(0, 3, .atMostOnce),
            subscriber(0, 7, .atMostOnce), subscriber(0, 9, .atLeastOnce),
        ]
        found.mergeOverlaps { $0.token.slot != 9 }
        #expect(
            found == [
                subscriber(0, 3, .atMostOnce), subscriber(0, 7, .atLeastOnce),
                subscriber(1, 7, .atLeastOnce),
            ]
        )
    }

    @Test("Nobody, or one, is as found")
    func few() {
        var nobody: [Subscriber] = []
        nobody.mergeOverlaps { _ in true }
        #expect(nobody.isEmpty)
        var one = [subscriber(0, 1, .atMostOnce)]
        one.mergeOverlaps { _ in true }
        #expect(one == [subscriber(0, 1, .atMostOnce)])
        one.mergeOverlaps { _ in false }
        #expect(one.isEmpty)
    }

    @Test("Merging ten thousand subscribers does not compare each with each")
    func cost() {
        var found = (0..<10_000).map { subscriber(Int($0) % 4, UInt32($0), .atMostOnce) }
        let duration = ContinuousClock().measure { found.mergeOverlaps { _ in true } }
        #expect(found.count == 10_000)
        #expect(duration < .milliseconds(500))
    }
}
