internal import LedgerModel
internal import Linux

/// A node's links to all its peers: no clock, no thread, no socket.
struct LinkTable: Sendable {
    /// What was posted to one node since the last turn.
    struct Post: Sendable {
        let node: NodeName
        var batches: [[UInt8]]

        /// More was posted than may wait: the link is ended.
        var isTooMuch = false
    }

    private let settings: Links.Settings
    private let blank: PeerDatagram
    private var ids: LinkIDs

    // In the order in which they were heard first, so that a turn is the same each time.
    private var links: [LinkCore] = []
    private var places: [NodeName: Int] = [:]
    private var greetsAllAt: MonotonicInstant
    private(set) var passedOver = PassedOver()

    init(
        node: NodeName,
        epoch: UInt64,
        cluster: ClusterID?,
        settings: Links.Settings,
        at now: MonotonicInstant
    ) {
        precondition(
            1...PeerDatagram.maximumBytes / 2 ~= settings.frameBytes, "a frame fits into a datagram"
        )
        self.settings = settings
        blank = PeerDatagram(cluster: cluster, sender: node, epoch: epoch)
        ids = LinkIDs(seed: epoch)
        greetsAllAt = now
    }

    /// Does all that is to be done now. Posts come first: they were made for the links as they were left.
    mutating func turn(
        at now: MonotonicInstant,
        posts: [Post] = [],
        datagrams: [[UInt8]] = []
    ) -> LinkOutput {
        var turn = LinkTurn(now: now, blank: blank, ids: ids)
        for post in posts { carryOut(post, &turn) }
        for datagram in datagrams { receive(datagram, &turn) }
        if greetsAllAt <= now {
            greetsAllAt = now.adding(milliseconds: settings.heartbeatMilliseconds)
            let bytes = blank.bytes(frame: [])
            turn.output.datagrams.append(LinkOutput.Outbound(bytes: bytes, node: nil))
        }
        for place in links.indices { links[place].tick(&turn) }
        ids = turn.ids
        return turn.output
    }

    /// When there is something to do, if nothing is posted or received before.
    var due: MonotonicInstant {
        links.reduce(greetsAllAt) { min($0, $1.due ?? $0) }
    }

    /// What tells the peers that this node goes.
    mutating func goodbyes(at now: MonotonicInstant) -> LinkOutput {
        var turn = LinkTurn(now: now, blank: blank, ids: ids)
        for place in links.indices { links[place].sayGoodbye(&turn) }
        return turn.output
    }

    // MARK: For status

    var standings: [PeerStanding] {
        links.map(PeerStanding.init).sorted { $0.name < $1.name }
    }

    /// Of the links that are up, what was posted and not acknowledged, in bytes.
    var buffered: [(node: NodeName, bytes: Int)] {
        links.filter(\.isUp).map { ($0.peer, $0.bufferedBytes) }
    }

    // MARK: Parts of a turn

    private mutating func carryOut(_ post: Post, _ turn: inout LinkTurn) {
        guard let place = places[post.node] else { return }
        for batch in post.batches { links[place].post(batch, &turn) }
        if post.isTooMuch, links[place].isUp { links[place].end(&turn) }
    }

    private mutating func receive(_ bytes: [UInt8], _ turn: inout LinkTurn) {
        let datagram: PeerDatagram
        do throws(Unreadable) {
            datagram = try PeerDatagram(bytes)
        } catch {
            return passedOver.count(error)
        }
        guard datagram.cluster == blank.cluster else { return passedOver.foreign += 1 }
        guard datagram.sender != blank.sender else {
            // What goes to all comes back to its sender.
            if datagram.epoch != blank.epoch { passedOver.namesakes += 1 }
            return
        }
        guard let place = place(of: datagram.sender, &turn) else { return }
        links[place].receive(datagram, &turn)
    }

    /// That of a new peer too; `nil` when there are too many.
    private mutating func place(of node: NodeName, _ turn: inout LinkTurn) -> Int? {
        if let place = places[node] { return place }
        var place = links.count
        if place == Links.peersMaximum {
            let silent = links.indices.filter { links[$0].stage == .dormant }
            guard let longest = silent.min(by: { links[$0].heardAt < links[$1].heardAt }) else {
                passedOver.crowded += 1
                return nil
            }
            place = longest
            places[links[place].peer] = nil
        }
        let link = LinkCore(node, settings, at: turn.now, &turn.ids)
        if place == links.count { links.append(link) } else { links[place] = link }
        places[node] = place
        return place
    }
}
