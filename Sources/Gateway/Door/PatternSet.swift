import Bytes
package import Ledger

/// Patterns as one tree of runs of text: what several of them begin with stands in it once, and of the runs that go on
/// with text at most one is followed. So a topic is read once, however many patterns there are.
package struct PatternSet: Sendable {
    /// The root first; the children of a node stand together, those that begin with text last, in the order of their
    /// first bytes.
    private let nodes: [Node]

    /// What the runs of text hold.
    private let text: [UInt8]

    /// Whether one of them is `#` alone.
    private let coversEverything: Bool

    /// Whether one of them has `${clientId}` in it.
    package let namesClient: Bool

    package init(_ patterns: [TopicPattern]) {
        var tree = Tree()
        tree.add(patterns.map { Piece.pieces(of: $0)[...] }.filter { $0 != [.everything] })
        nodes = tree.nodes
        text = tree.text
        coversEverything = patterns.contains { $0.text == "#" }
        namesClient = tree.nodes.contains { $0.place == .client }
    }

    /// Whether one of them covers `topic` for a device. `topic` is a name, or a filter: a wildcard of it is covered by a
    /// wildcard that takes at least as much. Topics that begin with `$` or `d/` are none of a device's own.
    ///
    /// - Parameter client: what `${clientId}` stands for; empty: for nothing. `nil`: for any name, as the topic has been
    ///   looked at when its client was known.
    package func covers(
        _ topic: Span<UInt8>, product: Span<UInt8>, device: Span<UInt8>, client: Span<UInt8>?
    ) -> Bool {
        guard !topic.isEmpty, topic[0] != UInt8(ascii: "$"), !topic.hasPrefix("d/") else {
            return false
        }
        if coversEverything { return true }
        let search = Search(
            nodes: nodes.span, text: text.span, topic: topic, product: product, device: device,
            client: client)
        return search.covers(from: 0, at: 0)
    }
}

/// What a pattern is made of.
private enum Piece: Hashable {
    /// One byte of text; the tree joins them.
    case byte(UInt8)
    case product
    case device

    /// Alone in its level, as a `+` is.
    case client

    /// `+`: the rest of a level.
    case level

    /// `/#` at the end: nothing more, or further levels (4.7.1.2 in MQTT 3.1.1 and 5).
    case levels

    /// `#` alone.
    case everything

    static func pieces(of pattern: TopicPattern) -> [Piece] {
        let program = pattern.program
        guard program != [UInt8(ascii: "#")] else { return [.everything] }
        let hasLevels = program.suffix(2).elementsEqual("/#".utf8)
        let pieces = program.dropLast(hasLevels ? 2 : 0).map { byte in
            switch byte {
            case TopicPattern.productByte: Piece.product
            case TopicPattern.deviceByte: Piece.device
            case TopicPattern.clientByte: Piece.client
            case UInt8(ascii: "+"): Piece.level
            default: Piece.byte(byte)
            }
        }
        return hasLevels ? pieces + [.levels] : pieces
    }
}

/// A run of text in patterns, what takes a place behind it, and what may follow.
private struct Node {
    /// What stands for more than itself.
    enum Place: UInt8 {
        case none, product, device, client, level
    }

    /// The text: its first byte, and where it stands. 32 patterns of 256 bytes are 8,192.
    var first: UInt8 = 0
    var start: UInt16 = 0
    var count: UInt16 = 0

    /// What comes behind the text.
    var place = Place.none

    /// Whether a pattern ends here, and whether one does with `/#`.
    var isEnd = false
    var takesLevels = false

    /// Where the children stand, how many there are, and how many of them begin with text: the last ones.
    var children: UInt16 = 0
    var childCount: UInt8 = 0
    var textCount: UInt8 = 0

    /// How many children begin with a place.
    var placeCount: Int { Int(childCount - textCount) }
}

/// A tree while it is made.
private struct Tree {
    var nodes = [Node()]
    var text: [UInt8] = []

    /// Adds patterns below the root.
    mutating func add(_ patterns: [ArraySlice<Piece>]) { fill(0, patterns) }

    /// Makes a node of what some patterns go on with: the text and the place that they share, and children for the rest.
    private mutating func fill(_ node: Int, _ patterns: [ArraySlice<Piece>]) {
        var rests = patterns
        nodes[node].start = UInt16(text.count)
        while let piece = Self.shared(by: rests), case .byte(let byte) = piece {
            text.append(byte)
            rests = rests.map { $0.dropFirst() }
        }
        nodes[node].count = UInt16(text.count) - nodes[node].start
        if nodes[node].count > 0 { nodes[node].first = text[Int(nodes[node].start)] }
        if let piece = Self.shared(by: rests), let place = piece.place {
            nodes[node].place = place
            rests = rests.map { $0.dropFirst() }
        }
        nodes[node].isEnd = rests.contains(where: \.isEmpty)
        nodes[node].takesLevels = rests.contains([.levels])
        addChildren(to: node, rests.filter { !$0.isEmpty && $0 != [.levels] })
    }

    private mutating func addChildren(to node: Int, _ rests: [ArraySlice<Piece>]) {
        let groups = Dictionary(grouping: rests) { $0[$0.startIndex] }
        let firsts = groups.keys.sorted { $0.order < $1.order }
        let children = nodes.count
        nodes[node].children = UInt16(children)
        nodes[node].childCount = UInt8(firsts.count)
        nodes[node].textCount = UInt8(firsts.count { $0.place == nil })
        nodes += firsts.map { _ in Node() }
        for (child, first) in zip(children..., firsts) { fill(child, groups[first] ?? []) }
    }

    /// What all begin with.
    private static func shared(by rests: [ArraySlice<Piece>]) -> Piece? {
        guard let first = rests.first?.first, rests.allSatisfy({ $0.first == first }) else {
            return nil
        }
        return first
    }
}

extension Piece {
    /// `nil`: text, or an end.
    fileprivate var place: Node.Place? {
        switch self {
        case .product: .product
        case .device: .device
        case .client: .client
        case .level: .level
        case .byte, .levels, .everything: nil
        }
    }

    /// Among children: text goes last, by its first byte.
    fileprivate var order: Int {
        if case .byte(let byte) = self { return 256 + Int(byte) }
        return Int(place?.rawValue ?? 0)
    }
}

/// One topic held against the tree. No node is looked at twice, as each piece takes as much of a topic whatever follows.
private struct Search: ~Escapable {
    let nodes: Span<Node>
    let text: Span<UInt8>
    let topic: Span<UInt8>
    let product: Span<UInt8>
    let device: Span<UInt8>
    let client: Span<UInt8>?

    @_lifetime(copy nodes, copy text, copy topic, copy product, copy device, copy client)
    init(
        nodes: Span<Node>, text: Span<UInt8>, topic: Span<UInt8>, product: Span<UInt8>,
        device: Span<UInt8>, client: Span<UInt8>?
    ) {
        self.nodes = nodes
        self.text = text
        self.topic = topic
        self.product = product
        self.device = device
        self.client = client
    }

    /// Whether the topic is taken whole by a node, which begins at `start` of it, and one path below that.
    func covers(from first: Int, at start: Int) -> Bool {
        var index = first
        var at = start
        while true {
            let node = nodes[index]
            let run = Int(node.start)..<Int(node.start) + Int(node.count)
            guard take(text.extracting(run), &at) else { return false }
            switch node.place {
            case .none: break
            case .product: guard take(product, &at) else { return false }
            case .device: guard take(device, &at) else { return false }
            case .client: guard takeClient(&at) else { return false }
            case .level: guard takeLevel(&at) else { return false }
            }
            guard at < topic.count else {
                return node.isEnd || node.takesLevels || coversNothingMore(node, at)
            }
            let byte = topic[at]
            if node.takesLevels, byte == UInt8(ascii: "/") { return true }
            // The last child that may go on is followed here, and the others before it.
            var next = textChild(of: node, byte)
            for child in Int(node.children)..<Int(node.children) + node.placeCount {
                if let next, covers(from: next, at: at) { return true }
                next = child
            }
            guard let next else { return false }
            index = next
        }
    }

    /// Whether a place takes nothing, at the topic's end, and a pattern ends there: `+` takes an empty level.
    private func coversNothingMore(_ node: Node, _ at: Int) -> Bool {
        let children = Int(node.children)..<Int(node.children) + node.placeCount
        return children.contains { covers(from: $0, at: at) }
    }

    /// The child that begins with a byte.
    @inline(__always)
    private func textChild(of node: Node, _ byte: UInt8) -> Int? {
        guard node.textCount > 0 else { return nil }
        var low = Int(node.children) + node.placeCount
        var high = low + Int(node.textCount)
        while high - low > 1 {
            let middle = (low + high) / 2
            if nodes[middle].first <= byte { low = middle } else { high = middle }
        }
        return nodes[low].first == byte ? low : nil
    }

    /// Takes the rest of a level, if that is not `#`.
    private func takeLevel(_ at: inout Int) -> Bool {
        if at < topic.count, topic[at] == UInt8(ascii: "#") { return false }
        while at < topic.count, topic[at] != UInt8(ascii: "/") { at += 1 }
        return true
    }

    /// Takes the client's name; where that is not known, a level that is no wildcard.
    private func takeClient(_ at: inout Int) -> Bool {
        if let client { return !client.isEmpty && take(client, &at) }
        let start = at
        while at < topic.count, topic[at] != UInt8(ascii: "/") {
            if topic[at] == UInt8(ascii: "+") || topic[at] == UInt8(ascii: "#") { return false }
            at += 1
        }
        return at > start
    }

    /// Takes bytes of the topic, if they come next.
    @inline(__always)
    private func take(_ expected: Span<UInt8>, _ at: inout Int) -> Bool {
        guard topic.extracting(at...).hasPrefix(expected) else { return false }
        at += expected.count
        return true
    }
}
