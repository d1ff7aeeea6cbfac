import Bytes
package import Ledger

/// Patterns as one tree of the pieces that they are made of: what several of them begin with stands in it once, and of
/// the pieces that go on with text at most one is followed. So a topic is read once, however many patterns there are.
package struct PatternSet: Sendable {
    /// The root first; the children of a node stand together, those that are text last, in the order of their first bytes.
    private let nodes: [Node]

    /// What the pieces of text hold.
    private let text: [UInt8]

    /// Whether one of them has `${clientId}` in it.
    package let namesClient: Bool

    package init(_ patterns: [TopicPattern]) {
        var tree = Tree()
        tree.add(patterns.map { Piece.pieces(of: $0)[...] })
        nodes = tree.nodes
        text = tree.text
        namesClient = tree.nodes.contains { $0.kind == .client }
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

/// A piece of patterns, or a run of text in them, and what may follow.
private struct Node {
    enum Kind: UInt8 {
        case root, text, product, device, client, level, levels, everything
    }

    var kind = Kind.root

    /// Whether a pattern ends here.
    var isEnd = false

    /// Of `text`: its first byte, and where it stands. 32 patterns of 256 bytes are 8,192.
    var first: UInt8 = 0
    var start: UInt16 = 0
    var count: UInt16 = 0

    /// Where the children stand, how many there are, and how many of them are text: the last ones.
    var children: UInt16 = 0
    var childCount: UInt8 = 0
    var textCount: UInt8 = 0
}

/// A tree while it is made.
private struct Tree {
    var nodes = [Node()]
    var text: [UInt8] = []

    /// Adds patterns below the root.
    mutating func add(_ patterns: [ArraySlice<Piece>]) { add(patterns, below: 0) }

    /// Adds what follows the node `parent` in some patterns.
    private mutating func add(_ rests: [ArraySlice<Piece>], below parent: Int) {
        nodes[parent].isEnd = rests.contains(where: \.isEmpty)
        let groups = Dictionary(grouping: rests.filter { !$0.isEmpty }) { $0[$0.startIndex] }
        let firsts = groups.keys.sorted { Self.order(of: $0) < Self.order(of: $1) }
        let children = nodes.count
        nodes[parent].children = UInt16(children)
        nodes[parent].childCount = UInt8(firsts.count)
        for first in firsts { nodes.append(node(first)) }
        nodes[parent].textCount = UInt8(firsts.count { Self.order(of: $0) > 255 })
        for (child, first) in zip(children..., firsts) {
            let group = groups[first] ?? []
            var shared = 1
            if case .byte = first { shared = addText(sharedBy: group, to: child) }
            add(group.map { $0.dropFirst(shared) }, below: child)
        }
    }

    /// Gives a node the text that all these begin with; returns its length.
    private mutating func addText(sharedBy rests: [ArraySlice<Piece>], to node: Int) -> Int {
        nodes[node].start = UInt16(text.count)
        let before = text.count
        let shortest = rests.map(\.count).min() ?? 0
        for offset in 0..<shortest {
            let pieces = Set(rests.map { $0[$0.startIndex + offset] })
            guard pieces.count == 1, case .byte(let byte)? = pieces.first else { break }
            text.append(byte)
        }
        nodes[node].count = UInt16(text.count - before)
        return text.count - before
    }

    private func node(_ first: Piece) -> Node {
        switch first {
        case .byte(let byte): Node(kind: .text, first: byte)
        case .product: Node(kind: .product)
        case .device: Node(kind: .device)
        case .client: Node(kind: .client)
        case .level: Node(kind: .level)
        case .levels: Node(kind: .levels)
        case .everything: Node(kind: .everything)
        }
    }

    /// Text goes last, by its first byte.
    private static func order(of piece: Piece) -> Int {
        switch piece {
        case .everything: 0
        case .levels: 1
        case .product: 2
        case .device: 3
        case .client: 4
        case .level: 5
        case .byte(let byte): 256 + Int(byte)
        }
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
            switch node.kind {
            case .root: break
            case .text:
                let expected = text.extracting(Int(node.start)..<Int(node.start + node.count))
                guard take(expected, &at) else { return false }
            case .product: guard take(product, &at) else { return false }
            case .device: guard take(device, &at) else { return false }
            case .client: guard takeClient(&at) else { return false }
            case .level:
                if at < topic.count, topic[at] == UInt8(ascii: "#") { return false }
                while at < topic.count, topic[at] != UInt8(ascii: "/") { at += 1 }
            case .levels: return at == topic.count || topic[at] == UInt8(ascii: "/")
            case .everything: return true
            }
            if node.isEnd, at == topic.count { return true }
            // The last child that may go on is followed here, and the others before it.
            var next = textChild(of: node, at: at)
            for child in Int(node.children)..<Int(node.children) + node.otherCount {
                if let next, covers(from: next, at: at) { return true }
                next = child
            }
            guard let next else { return false }
            index = next
        }
    }

    /// The child that begins with the next byte.
    @inline(__always)
    private func textChild(of node: Node, at position: Int) -> Int? {
        guard node.textCount > 0, position < topic.count else { return nil }
        let byte = topic[position]
        var low = Int(node.children) + node.otherCount
        var high = low + Int(node.textCount)
        while high - low > 1 {
            let middle = (low + high) / 2
            if nodes[middle].first <= byte { low = middle } else { high = middle }
        }
        return nodes[low].first == byte ? low : nil
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

extension Node {
    /// How many children are no text.
    fileprivate var otherCount: Int { Int(childCount - textCount) }
}
