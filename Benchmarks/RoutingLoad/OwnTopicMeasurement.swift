import Bytes
import Gateway
import Ledger

/// What it costs to find whether a topic of a device's own is one of its product's.
public enum OwnTopicMeasurement {
    /// Nanoseconds for one topic that the last of so many patterns takes, and which they all begin like.
    public static func nanoseconds(patterns count: Int, rounds: Int = 200_000) throws -> Double {
        let patterns = try (0..<count).map { number in
            // In the order of the set, the one that matches is the last.
            let name = number + 1 == count ? "z" : "\(number)"
            return try TopicPattern("/sys/${pk}/${dk}/thing/\(name)/#")
        }
        let set = PatternSet(patterns)
        let topic = Array("/sys/a1pk/device-1/thing/z/post".utf8)
        let product = Array("a1pk".utf8)
        let device = Array("device-1".utf8)
        var found = 0
        let nanoseconds = ProcessorTime.least(of: 5) {
            found = 0
            for _ in 0..<rounds
            where set.covers(
                topic.span, product: product.span, device: device.span, client: nil)
            {
                found += 1
            }
        }
        precondition(found == rounds, "the last pattern takes the topic")
        return Double(nanoseconds) / Double(rounds)
    }
}
