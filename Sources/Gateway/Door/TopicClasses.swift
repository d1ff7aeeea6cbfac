import Bytes
import Ledger

/// The topics of a product's own that its devices use, ready to be matched: made once of what the books have, and looked
/// into in place, without an allocation. Handed on by reference: each message asks for it, and a copy of all that it is made
/// of would take longer than the patterns do.
final class TopicClasses: Sendable {
    /// What devices publish to, and what they subscribe to.
    let up: PatternSet
    let down: PatternSet

    /// What they were made of.
    let topics: DeviceTopics

    init(_ topics: DeviceTopics) {
        self.topics = topics
        up = PatternSet(topics.up)
        down = PatternSet(topics.down)
    }
}

extension Quota {
    /// Whether patterns of the product's topics have `${clientId}` in them.
    func patternsNameClient(of product: ProductCatalogue.Slot) -> Bool {
        let topics = topics(of: product)
        return topics?.up.namesClient == true || topics?.down.namesClient == true
            || uncounted(of: product)?.namesClient == true
    }
}
