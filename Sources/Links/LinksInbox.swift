internal import LedgerModel

/// What other threads have left for the links' own.
struct LinksInbox: Sendable {
    /// Everything at once.
    struct Turn: Sendable {
        var posts: [LinkTable.Post] = []
        var datagrams: [[UInt8]] = []

        /// Said once.
        var isClosing = false
    }

    /// For a node that there is a link to: it comes and goes with `up` and `down`.
    private struct Box {
        var post: LinkTable.Post
        var bytes = 0

        /// What the link had in its buffer when the thread looked last.
        var heldBytes = 0

        /// Whether it was empty before.
        mutating func add(_ batch: [UInt8], _ maximum: Int) -> Bool {
            let wasEmpty = post.batches.isEmpty && !post.isTooMuch
            guard !post.isTooMuch, heldBytes + bytes + batch.count <= maximum else {
                post.isTooMuch = true
                return wasEmpty
            }
            bytes += batch.count
            post.batches.append(batch)
            return wasEmpty
        }

        mutating func empty() -> LinkTable.Post {
            let full = post
            post = LinkTable.Post(node: full.node, batches: [])
            heldBytes += bytes
            bytes = 0
            return full
        }
    }

    private let bufferedBytesMaximum: Int
    private var boxes: [NodeName: Box] = [:]

    /// Those with something in them.
    private var filled: [NodeName] = []
    private var datagrams: [[UInt8]] = []
    private var datagramsBytes = 0
    private(set) var flooded: UInt64 = 0
    var isClosing = false

    /// The thread knows that it is to end.
    private var hasSaidClosing = false

    /// Of datagrams that were received and not looked at; more are dropped, and come again.
    private static let datagramsBytesMaximum = 64 << 20

    init(_ settings: Links.Settings) { bufferedBytesMaximum = settings.bufferedBytesMaximum }

    mutating func open(_ node: NodeName) {
        boxes[node] = Box(post: LinkTable.Post(node: node, batches: []))
    }

    mutating func close(_ node: NodeName) {
        boxes[node] = nil
        filled.removeAll { $0 == node }
    }

    mutating func post(_ batch: [UInt8], to node: NodeName) {
        if boxes[node]?.add(batch, bufferedBytesMaximum) == true { filled.append(node) }
    }

    mutating func receive(_ datagram: [UInt8]) {
        guard datagramsBytes < Self.datagramsBytesMaximum else { return flooded += 1 }
        datagramsBytes += datagram.count
        datagrams.append(datagram)
    }

    mutating func note(_ buffered: [(node: NodeName, bytes: Int)]) {
        for (node, bytes) in buffered { boxes[node]?.heldBytes = bytes }
    }

    /// `nil` when there is nothing.
    mutating func take() -> Turn? {
        let saysClosing = isClosing && !hasSaidClosing
        guard !filled.isEmpty || !datagrams.isEmpty || saysClosing else { return nil }
        var turn = Turn(isClosing: saysClosing)
        if saysClosing { hasSaidClosing = true }
        swap(&turn.datagrams, &datagrams)
        datagramsBytes = 0
        for node in filled {
            if let post = boxes[node]?.empty() { turn.posts.append(post) }
        }
        filled.removeAll(keepingCapacity: true)
        return turn
    }
}
