import Bytes

/// Topic filters as a tree of topic levels, and which of them match a topic (4.7).
///
/// Matching a topic costs what its levels cost (one hash look-up a level, and a second one where a
/// `+` stands), whatever the number of filters, and allocates nothing but what is found.
///
/// Filters must have been validated ([MQTT-4.7.1-1], [MQTT-4.7.1-2]); a topic that begins with `$` is
/// not matched by a filter that begins with a wildcard ([MQTT-4.7.2-1]).
struct LevelTree {
    private static var root: Int32 { 0 }
    private static var none: Int32 { -1 }

    /// One topic level below its parent; `+` and `#` are levels like any other.
    private struct Node {
        var parent: Int32
        var hash: UInt64
        var level: [UInt8]
        var childCount: Int32 = 0
        var singleLevelWildcard = LevelTree.none
        var multiLevelWildcard = LevelTree.none

        /// A filter ends here.
        var isKept = false
    }

    private var nodes: [Node]
    private var freeNodes: [Int32] = []

    /// Open addressing with linear probing: node numbers, found by parent and level.
    private var edges: [Int32]
    private var edgeCount = 0

    /// - Parameter seed: makes hash collisions unpredictable to a client that chooses its topics.
    init(seed: UInt64) {
        nodes = [Node(parent: Self.none, hash: seed, level: [])]
        edges = Array(repeating: Self.none, count: 64)
    }

    /// How many topic levels are in memory; none when there are no filters.
    var levelCount: Int { nodes.count - freeNodes.count - 1 }

    /// The filter's number, from 1 on; its own until `release`.
    mutating func keep(_ filter: Span<UInt8>) -> Int {
        var node = Self.root
        var levels = TopicLevels(filter)
        while let level = levels.next() {
            node = child(of: node, level) ?? addChild(to: node, level)
        }
        nodes[Int(node)].isKept = true
        return Int(node)
    }

    /// The filter's number, if it is kept.
    func find(_ filter: Span<UInt8>) -> Int? {
        var node = Self.root
        var levels = TopicLevels(filter)
        while let level = levels.next() {
            guard let next = child(of: node, level) else { return nil }
            node = next
        }
        return nodes[Int(node)].isKept ? Int(node) : nil
    }

    /// Forgets the filter of that number, and every level that no other needs.
    mutating func release(_ number: Int) {
        var node = Int32(number)
        nodes[number].isKept = false
        while node != Self.root, nodes[Int(node)].childCount == 0, !nodes[Int(node)].isKept {
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

    /// Appends to `found` the number of every filter that matches the topic.
    func match(_ topic: Span<UInt8>, into found: inout [Int32]) {
        guard topic.count > 0 else { return }
        let isOrdinary = topic[0] != UInt8(ascii: "$")
        match(topic, from: 0, at: Self.root, wildcards: isOrdinary, into: &found)
    }

    private func match(
        _ topic: Span<UInt8>,
        from offset: Int,
        at node: Int32,
        wildcards: Bool,
        into found: inout [Int32]
    ) {
        if wildcards {
            let rest = nodes[Int(node)].multiLevelWildcard
            if rest != Self.none { found.append(rest) }
        }
        // Past the last separator there is always one more level, be it empty.
        if offset > topic.count {
            if nodes[Int(node)].isKept { found.append(node) }
            return
        }
        guard nodes[Int(node)].childCount > 0 else { return }
        var end = offset
        while end < topic.count, topic[end] != UInt8(ascii: "/") { end += 1 }
        if let next = child(of: node, topic.extracting(offset..<end)) {
            match(topic, from: end + 1, at: next, wildcards: true, into: &found)
        }
        if wildcards {
            let any = nodes[Int(node)].singleLevelWildcard
            if any != Self.none {
                match(topic, from: end + 1, at: any, wildcards: true, into: &found)
            }
        }
    }

    /// Whether a filter is kept whose first level is `level`, and that has more.
    func hasFilters(below level: Span<UInt8>) -> Bool {
        child(of: Self.root, level).map { nodes[Int($0)].childCount > 0 } ?? false
    }

    /// Appends to `found` the number of every filter that matches the topic and names its last level: `+` may stand for
    /// the others, and `#` for none.
    ///
    /// - Parameters:
    ///   - name: the last level.
    ///   - prefix: the topic before it; ends with a slash.
    func matchNaming(_ name: Span<UInt8>, below prefix: Span<UInt8>, into found: inout [Int32]) {
        matchNaming(name, below: prefix, from: 0, at: Self.root, into: &found)
    }

    private func matchNaming(
        _ name: Span<UInt8>,
        below prefix: Span<UInt8>,
        from offset: Int,
        at node: Int32,
        into found: inout [Int32]
    ) {
        guard nodes[Int(node)].childCount > 0 else { return }
        guard offset < prefix.count else {
            if let last = child(of: node, name), nodes[Int(last)].isKept { found.append(last) }
            return
        }
        var end = offset
        while prefix[end] != UInt8(ascii: "/") { end += 1 }
        if let next = child(of: node, prefix.extracting(offset..<end)) {
            matchNaming(name, below: prefix, from: end + 1, at: next, into: &found)
        }
        let any = nodes[Int(node)].singleLevelWildcard
        if any != Self.none {
            matchNaming(name, below: prefix, from: end + 1, at: any, into: &found)
        }
    }

    // MARK: Levels

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
