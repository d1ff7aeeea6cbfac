import Bytes

/// Who gets which topics: topic filters and their subscribers, as a tree of topic levels.
///
/// Matching a topic costs what its levels cost (one hash look-up a level, and a second one where a
/// `+` is subscribed), whatever the number of subscriptions, and allocates nothing. Every shard has
/// a replica, so that a publisher finds its subscribers without leaving its thread.
///
/// Filters must have been validated ([MQTT-4.7.1-1] to [MQTT-4.7.1-3]); a topic that begins with `$`
/// is not matched by a filter that begins with a wildcard ([MQTT-4.7.2-1]).
struct TopicTree<Subscription: Sendable & Equatable> {
    private static var root: Int32 { 0 }
    private static var none: Int32 { -1 }

    /// One topic level below its parent; `+` and `#` are levels like any other.
    private struct Node {
        var parent: Int32
        var hash: UInt64
        var level: [UInt8]
        var childCount = 0
        var singleLevelWildcard = TopicTree.none
        var multiLevelWildcard = TopicTree.none
        var subscriptions: [Subscription] = []
    }

    private var nodes: [Node]
    private var freeNodes: [Int32] = []

    /// Open addressing with linear probing: node numbers, found by parent and level.
    private var edges: [Int32]
    private var edgeCount = 0

    /// Makes hash collisions unpredictable for whoever chooses the topics.
    private let seed: UInt64

    /// How many subscriptions there are.
    private(set) var count = 0

    init(seed: UInt64) {
        self.seed = seed
        nodes = [Node(parent: Self.none, hash: seed, level: [])]
        edges = Array(repeating: Self.none, count: 64)
    }

    var isEmpty: Bool { count == 0 }

    /// How many topic levels are in memory; none when there are no subscriptions.
    var levelCount: Int { nodes.count - freeNodes.count - 1 }

    /// Adds a subscription, unless an equal one is there already.
    mutating func insert(_ subscription: Subscription, filter: Span<UInt8>) {
        var node = Self.root
        var levels = TopicLevels(filter)
        while let level = levels.next() {
            node = child(of: node, level) ?? addChild(to: node, level)
        }
        let index = Int(node)
        guard !nodes[index].subscriptions.contains(subscription) else { return }
        nodes[index].subscriptions.append(subscription)
        count += 1
    }

    /// Removes the subscriptions to exactly this filter that `matches` names, and every node that
    /// nobody needs any more. Returns whether there was one.
    @discardableResult
    mutating func remove(filter: Span<UInt8>, where matches: (Subscription) -> Bool) -> Bool {
        var node = Self.root
        var levels = TopicLevels(filter)
        while let level = levels.next() {
            guard let next = child(of: node, level) else { return false }
            node = next
        }
        let before = nodes[Int(node)].subscriptions.count
        nodes[Int(node)].subscriptions.removeAll(where: matches)
        let removed = before - nodes[Int(node)].subscriptions.count
        count -= removed
        prune(from: node)
        return removed > 0
    }

    /// Appends to `found` every subscription whose filter matches the topic. A subscriber with
    /// overlapping filters is found once for each.
    func collect(_ topic: Span<UInt8>, into found: inout [Subscription]) {
        guard count > 0, topic.count > 0 else { return }
        collect(
            topic,
            from: 0,
            at: Self.root,
            wildcards: topic[0] != UInt8(ascii: "$"),
            into: &found
        )
    }

    private func collect(
        _ topic: Span<UInt8>,
        from offset: Int,
        at node: Int32,
        wildcards: Bool,
        into found: inout [Subscription]
    ) {
        if wildcards {
            let rest = nodes[Int(node)].multiLevelWildcard
            if rest != Self.none { found.append(contentsOf: nodes[Int(rest)].subscriptions) }
        }
        // Past the last separator there is always one more level, be it empty.
        if offset > topic.count {
            found.append(contentsOf: nodes[Int(node)].subscriptions)
            return
        }
        guard nodes[Int(node)].childCount > 0 else { return }
        var end = offset
        while end < topic.count, topic[end] != UInt8(ascii: "/") { end += 1 }
        if let next = child(of: node, topic.extracting(offset..<end)) {
            collect(topic, from: end + 1, at: next, wildcards: true, into: &found)
        }
        if wildcards {
            let any = nodes[Int(node)].singleLevelWildcard
            if any != Self.none {
                collect(topic, from: end + 1, at: any, wildcards: true, into: &found)
            }
        }
    }

    // MARK: Nodes

    private mutating func addChild(to parent: Int32, _ level: Span<UInt8>) -> Int32 {
        let hash = Self.hash(level, below: nodes[Int(parent)].hash)
        let fresh = Node(parent: parent, hash: hash, level: level.bytesArray)
        let number: Int32
        if let reused = freeNodes.popLast() {
            number = reused
            nodes[Int(number)] = fresh
        } else {
            number = Int32(nodes.count)
            nodes.append(fresh)
        }
        nodes[Int(parent)].childCount += 1
        if level.isSingleByte(UInt8(ascii: "+")) {
            nodes[Int(parent)].singleLevelWildcard = number
        } else if level.isSingleByte(UInt8(ascii: "#")) {
            nodes[Int(parent)].multiLevelWildcard = number
        }
        insertEdge(number)
        return number
    }

    /// Removes `node` and then its ancestors, as long as nothing hangs on them.
    private mutating func prune(from node: Int32) {
        var node = node
        while node != Self.root, nodes[Int(node)].childCount == 0,
            nodes[Int(node)].subscriptions.isEmpty
        {
            let parent = nodes[Int(node)].parent
            removeEdge(node)
            nodes[Int(parent)].childCount -= 1
            if nodes[Int(parent)].singleLevelWildcard == node {
                nodes[Int(parent)].singleLevelWildcard = Self.none
            } else if nodes[Int(parent)].multiLevelWildcard == node {
                nodes[Int(parent)].multiLevelWildcard = Self.none
            }
            nodes[Int(node)].level = []
            freeNodes.append(node)
            node = parent
        }
    }

    // MARK: Edges

    private func child(of parent: Int32, _ level: Span<UInt8>) -> Int32? {
        let hash = Self.hash(level, below: nodes[Int(parent)].hash)
        var index = Int(truncatingIfNeeded: hash) & (edges.count - 1)
        while edges[index] != Self.none {
            let number = edges[index]
            if nodes[Int(number)].hash == hash, nodes[Int(number)].parent == parent,
                Self.isEqual(level, nodes[Int(number)].level)
            {
                return number
            }
            index = (index + 1) & (edges.count - 1)
        }
        return nil
    }

    private static func isEqual(_ level: Span<UInt8>, _ held: [UInt8]) -> Bool {
        level.isEqual(to: held.span)
    }

    private mutating func insertEdge(_ number: Int32) {
        if (edgeCount + 1) * 2 > edges.count {
            let held = edges.filter { $0 != Self.none }
            edges = Array(repeating: Self.none, count: edges.count * 2)
            for other in held { place(other) }
        }
        place(number)
        edgeCount += 1
    }

    private mutating func place(_ number: Int32) {
        var index = Int(truncatingIfNeeded: nodes[Int(number)].hash) & (edges.count - 1)
        while edges[index] != Self.none { index = (index + 1) & (edges.count - 1) }
        edges[index] = number
    }

    /// Closes the gap that the removed edge leaves, so that probing needs no tombstones.
    private mutating func removeEdge(_ number: Int32) {
        let mask = edges.count - 1
        var gap = Int(truncatingIfNeeded: nodes[Int(number)].hash) & mask
        while edges[gap] != number { gap = (gap + 1) & mask }
        var index = (gap + 1) & mask
        while edges[index] != Self.none {
            let home = Int(truncatingIfNeeded: nodes[Int(edges[index])].hash) & mask
            if (index - home) & mask >= (index - gap) & mask {
                edges[gap] = edges[index]
                gap = index
            }
            index = (index + 1) & mask
        }
        edges[gap] = Self.none
        edgeCount -= 1
    }

    /// FNV-1a over the level, begun from the parent's hash, and mixed so that the low bits count.
    private static func hash(_ level: Span<UInt8>, below parent: UInt64) -> UInt64 {
        var hash = parent ^ 0xCBF2_9CE4_8422_2325
        for index in level.indices {
            hash = (hash ^ UInt64(level[index])) &* 0x0000_0100_0000_01B3
        }
        hash ^= hash >> 32
        hash = hash &* 0xD6E8_FEB8_6659_FD93
        return hash ^ hash >> 32
    }
}

/// The levels of a topic name or filter, between the slashes; an empty level is a level.
struct TopicLevels: ~Escapable {
    private let topic: Span<UInt8>
    private var offset = 0

    @_lifetime(copy topic)
    init(_ topic: Span<UInt8>) { self.topic = topic }

    @_lifetime(copy self)
    @_lifetime(self: copy self)
    mutating func next() -> Span<UInt8>? {
        guard offset <= topic.count else { return nil }
        var end = offset
        while end < topic.count, topic[end] != UInt8(ascii: "/") { end += 1 }
        defer { offset = end + 1 }
        return topic.extracting(offset..<end)
    }
}
