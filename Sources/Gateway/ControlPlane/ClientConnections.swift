public import Ledger
public import Storage
public import Time

/// A client that is connected to this gateway: a device or an application.
public struct ClientConnection: Equatable, Sendable {
    /// `nil` of an application.
    public let device: DeviceIdentity?

    /// The key that an application came with; `nil` of a device, and on a listener without authentication.
    public let key: KeyID?
    public let connection: DeviceConnection

    /// When its last packet came, to within a second.
    public let lastSeenAt: Timestamp

    public init(
        device: DeviceIdentity?,
        key: KeyID?,
        connection: DeviceConnection,
        lastSeenAt: Timestamp
    ) {
        self.device = device
        self.key = key
        self.connection = connection
        self.lastSeenAt = lastSeenAt
    }
}

/// How far a look through all connections of a node is.
public struct ConnectionPlace: Equatable, Sendable {
    /// `nil` of a gateway alone.
    public let node: NodeName?
    public let shard: Int
    public let slot: UInt32

    public init(node: NodeName?, shard: Int = 0, slot: UInt32 = 0) {
        self.node = node
        self.shard = shard
        self.slot = slot
    }
}

/// What was found of the connections, and where to look on.
public struct ConnectionPart: Sendable {
    public let elements: [ClientConnection]

    /// `nil` when there are no more at that node.
    public let next: ConnectionPlace?

    public init(elements: [ClientConnection], next: ConnectionPlace?) {
        self.elements = elements
        self.next = next
    }
}

extension Gateway {
    public func nodes() throws(StoreError) -> [NodeName] {
        guard commons.neighbours != nil else { return [] }
        return try ledger.read { books, transaction throws(StoreError) in
            try books.members(in: transaction).filter { !$0.isRemoved }.map(\.node).sorted()
        }
    }

    public func connections(
        from place: ConnectionPlace,
        of product: ProductKey?,
        limit: Int
    ) async -> ConnectionPart? {
        precondition(limit > 0, "a part has room for a connection")
        guard let (seen, shards) = await slots(from: place, of: product, limit: limit) else {
            return nil
        }
        if let slot = seen.next {
            return ConnectionPart(
                elements: seen.elements,
                next: ConnectionPlace(node: place.node, shard: place.shard, slot: slot))
        }
        let isLast = place.shard + 1 >= shards
        return ConnectionPart(
            elements: seen.elements,
            next: isLast ? nil : ConnectionPlace(node: place.node, shard: place.shard + 1))
    }

    /// What one shard of the node has, and how many shards there are.
    private func slots(
        from place: ConnectionPlace, of product: ProductKey?, limit: Int
    ) async -> (seen: SlotsSeen, shards: Int)? {
        let none = SlotsSeen(elements: [], next: nil)
        guard let node = place.node, node != commons.node else {
            let shards = commons.mailboxes.count
            guard place.shard < shards else { return (none, shards) }
            let seen = await ask(place.shard, orElse: none) {
                .connections(from: place.slot, of: product, limit: limit, $0)
            }
            return (seen, shards)
        }
        guard let shards = await ask(0, orElse: [:], { .reachableNodes($0) })[node] else {
            return nil
        }
        guard place.shard < shards else { return (none, shards) }
        let question = NodeQuestion.connections(from: place.slot, product, limit: limit)
        let answer = await ask(0, orElse: nil) {
            .node(node, shard: place.shard, question, $0)
        }
        guard case .connections(let seen)? = answer else { return nil }
        return (seen, shards)
    }
}

/// The same of one shard.
struct SlotsSeen: Equatable, Sendable {
    let elements: [ClientConnection]
    let next: UInt32?

    /// How many connections one question looks at, so that no turn of a shard takes long.
    static let maximum = 4_096

    /// How many of them another node is told in one answer.
    static let answerMaximum = 250
}

extension Shard {
    mutating func connections(
        from first: UInt32,
        of product: ProductKey?,
        limit: Int
    ) -> SlotsSeen {
        var elements: [ClientConnection] = []
        var looks = 0
        var next = context.wire.nextSlot(from: first)
        while let slot = next {
            guard elements.count < limit, looks < SlotsSeen.maximum else {
                return SlotsSeen(elements: elements, next: slot)
            }
            looks += 1
            if let found = client(in: slot, of: product) { elements.append(found) }
            next = context.wire.nextSlot(from: slot + 1)
        }
        return SlotsSeen(elements: elements, next: nil)
    }

    /// The client of an open connection, if it is one of that product.
    private mutating func client(in slot: UInt32, of product: ProductKey?) -> ClientConnection? {
        guard context.wire[slot].phase == .open else { return nil }
        let client = context.wire[slot].settings.client
        guard let name = client.identifier else { return nil }
        var device: DeviceIdentity?
        var key: KeyID?
        switch client {
        case .unknown: return nil
        case .device(let known): device = known.identity
        case .application(let application): key = application.key
        }
        guard product == nil || device?.product == product else { return nil }
        return ClientConnection(
            device: device, key: key, connection: connection(in: slot, of: name),
            lastSeenAt: lastSeen(in: slot))
    }
}
