public import LedgerModel
public import Linux
internal import Synchronization

/// A node's links to the other nodes of its cluster: each node that makes itself heard is linked to.
///
/// Between an `up` and the next `down` of one link, each batch that was posted arrives exactly once, in order, up
/// to some point, behind which both sides see `down`. Nothing of an old link is ever delivered into a new one. If both
/// nodes live, a link that was ended begins again, with `up` on both sides.
///
/// One thread does all that takes time; what is posted wakes it and is sent at once, with all that waits beside it.
public final class Links: Sendable {
    private let engine: LinksEngine
    private let thread: Thread
    private let isClosed = Atomic<Bool>(false)

    /// - Parameters:
    ///   - epoch: random, another one for each start of a node.
    ///   - transport: of this object's alone, which closes it.
    ///   - cluster: who is of another one is not heard; `nil` only in tests.
    ///   - handler: is called on the links' thread, which waits for it: it only passes on. It may post, and must
    ///     not close.
    /// - Throws: `EAGAIN` when the system is out of threads.
    public init(
        node: NodeName,
        epoch: UInt64,
        over transport: any PeerTransport,
        cluster: ClusterID?,
        settings: Settings = Settings(),
        handler: @escaping @Sendable (LinkEvent) -> Void
    ) throws(Errno) {
        let table = LinkTable(
            node: node, epoch: epoch, cluster: cluster, settings: settings, at: .now())
        let engine = LinksEngine(table, LinksInbox(settings), transport, handler)
        self.engine = engine
        thread = try Thread(name: "links") { engine.run(as: node) }
    }

    deinit { engine.inbox.change { $0.isClosing = true } }

    /// From any thread; at most `batchMaximumBytes`. Batches that one thread posts to one node keep their order.
    /// Nothing happens when there is no link to the node.
    public func post(_ batch: [UInt8], to node: NodeName) {
        precondition(batch.count <= Self.batchMaximumBytes, "a batch that no node takes")
        engine.inbox.change { $0.post(batch, to: node) }
    }

    /// All that were ever heard, by name.
    public var peers: [PeerStanding] { engine.table.withLock { $0.standings } }

    public var passedOver: PassedOver {
        var counts = engine.table.withLock { $0.passedOver }
        counts.flooded = engine.inbox.look { $0.flooded }
        return counts
    }

    /// Waits until what was posted has arrived, a second at most, says goodbye, so that peers see `down` at once, closes the
    /// transport, and waits until the thread has ended; no event comes afterwards. Not from the handler.
    public func close() {
        guard !isClosed.exchange(true, ordering: .relaxed) else { return }
        engine.inbox.change { $0.isClosing = true }
        thread.join()
    }
}

/// What the links' thread works on.
private final class LinksEngine: Sendable {
    let inbox: Monitor<LinksInbox>

    // For each turn, without what is sent and handed on in it; others only look.
    let table: Mutex<LinkTable>
    private let transport: any PeerTransport
    private let handler: @Sendable (LinkEvent) -> Void

    init(
        _ table: LinkTable,
        _ inbox: LinksInbox,
        _ transport: any PeerTransport,
        _ handler: @escaping @Sendable (LinkEvent) -> Void
    ) {
        self.table = Mutex(table)
        self.inbox = Monitor(inbox)
        self.transport = transport
        self.handler = handler
    }

    func run(as node: NodeName) {
        transport.receive(as: node) { [inbox] datagram in
            inbox.change { $0.receive(datagram) }
        }
        var end: MonotonicInstant?
        while true {
            let turn = nextTurn(until: end)
            if turn.isClosing { end = .now().adding(milliseconds: Self.lingerMilliseconds) }
            let output = table.withLock { table in
                table.turn(at: .now(), posts: turn.posts, datagrams: turn.datagrams)
            }
            for event in output.events { pass(event) }
            send(output)
            if let end, isAllThere || end <= .now() { break }
        }
        send(table.withLock { $0.goodbyes(at: .now()) })
        transport.close()
    }

    /// How long the end waits for peers to have what was posted.
    private static let lingerMilliseconds: Int64 = 1_000

    /// Peers have acknowledged all that was posted.
    private var isAllThere: Bool {
        table.withLock { $0.buffered }.allSatisfy { $0.bytes == 0 }
    }

    /// Waits for it, or until something is due.
    private func nextTurn(until end: MonotonicInstant?) -> LinksInbox.Turn {
        let (due, buffered) = table.withLock { ($0.due, $0.buffered) }
        let turn = inbox.wait(until: end.map { min($0, due) } ?? due) { inbox in
            inbox.note(buffered)
            return inbox.take()
        }
        return turn ?? LinksInbox.Turn()
    }

    /// There is a box for what is posted as long as a link is up, so that nothing goes into a later one.
    private func pass(_ event: LinkEvent) {
        switch event {
        case .up(let node): inbox.change { $0.open(node) }
        case .down(let node): inbox.change { $0.close(node) }
        case .batch: break
        }
        handler(event)
    }

    private func send(_ output: LinkOutput) {
        for datagram in output.datagrams {
            if let node = datagram.node {
                transport.send(datagram.bytes, to: node)
            } else {
                transport.sendToAll(datagram.bytes)
            }
        }
    }
}
