/// Who gets a message, found by `TopicTree.collect`. Keeps its memory, so that the steady state does
/// not allocate.
package struct Matches: Sendable {
    /// A subscription that matches, before overlaps are merged.
    struct Found {
        let subscriber: Subscriber

        /// Of the share that has chosen it, or -1.
        let groupNumber: Int32
    }

    /// One for each delivery; those of one shard stand together.
    package private(set) var receivers: [Receiver] = []

    /// The subscription identifiers of all receivers, one receiver's behind the other's.
    private var identifiers: [UInt32] = []

    // Scratch memory.
    var nodes: [Int32] = []
    private var found: [Found] = []
    private var merged: [Found] = []

    package init() {}

    package var isEmpty: Bool { receivers.isEmpty }

    /// The subscription identifiers that go with the message to `receiver` ([MQTT-3.3.4-4],
    /// [MQTT-3.3.4-5]); borrowed.
    package func identifiers(of receiver: Receiver) -> ArraySlice<UInt32> {
        let first = Int(receiver.firstIdentifier)
        return identifiers[first..<first + Int(receiver.identifierCount)]
    }

    mutating func removeAll() {
        receivers.removeAll(keepingCapacity: true)
        identifiers.removeAll(keepingCapacity: true)
        nodes.removeAll(keepingCapacity: true)
        found.removeAll(keepingCapacity: true)
    }

    mutating func add(_ subscriber: Subscriber, groupNumber: Int32 = -1) {
        found.append(Found(subscriber: subscriber, groupNumber: groupNumber))
    }

    /// Makes receivers of what was found: one for each session, with the highest QoS
    /// ([MQTT-3.3.4-2]), every subscription identifier ([MQTT-3.3.4-3], [MQTT-3.3.4-4]) and retain as
    /// published if one of its subscriptions says so; and one for each share.
    mutating func mergeOverlaps() {
        sort()
        for entry in found {
            let subscriber = entry.subscriber
            if let last = receivers.indices.last, entry.groupNumber < 0,
                !receivers[last].isShared, receivers[last].session == subscriber.session
            {
                receivers[last].qos = max(receivers[last].qos, subscriber.qos)
                if subscriber.retainAsPublished { receivers[last].retainAsPublished = true }
            } else {
                receivers.append(
                    Receiver(
                        shard: subscriber.shard,
                        token: subscriber.token,
                        qos: subscriber.qos,
                        retainAsPublished: subscriber.retainAsPublished,
                        isStored: subscriber.isStored,
                        groupNumber: entry.groupNumber,
                        firstIdentifier: Int32(identifiers.count)
                    )
                )
            }
            if subscriber.identifier != 0 {
                identifiers.append(subscriber.identifier)
                receivers[receivers.count - 1].identifierCount += 1
            }
        }
    }

    // MARK: Order

    /// By session, its own subscriptions before what it gets as a member of shares. Each filter's
    /// subscribers are in order already, so that one filter costs one reading, and few filters
    /// little more.
    private mutating func sort() {
        while endOfRun(from: 0) < found.count { mergeRuns() }
    }

    private static func isInOrder(_ left: Found, _ right: Found) -> Bool {
        let (first, second) = (left.subscriber.session, right.subscriber.session)
        return first == second ? left.groupNumber <= right.groupNumber : first < second
    }

    /// Where what is in order from `start` on ends.
    private func endOfRun(from start: Int) -> Int {
        guard start < found.count else { return start }
        var end = start + 1
        while end < found.count, Self.isInOrder(found[end - 1], found[end]) { end += 1 }
        return end
    }

    /// Makes one run of every two.
    private mutating func mergeRuns() {
        merged.removeAll(keepingCapacity: true)
        var start = 0
        while start < found.count {
            let middle = endOfRun(from: start)
            let end = endOfRun(from: middle)
            var (left, right) = (start, middle)
            while left < middle, right < end {
                if Self.isInOrder(found[left], found[right]) {
                    merged.append(found[left])
                    left += 1
                } else {
                    merged.append(found[right])
                    right += 1
                }
            }
            merged.append(contentsOf: found[left..<middle])
            merged.append(contentsOf: found[right..<end])
            start = end
        }
        swap(&found, &merged)
    }
}
