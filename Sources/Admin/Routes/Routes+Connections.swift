import Bytes
import Cryptography
import Gateway
import Hummingbird
import Ledger

/// Who is connected to the gateway, or to the nodes of its cluster.
extension Routes {
    mutating func registerConnections() {
        on(
            .get, "connections", "listConnections",
            "The clients that are connected, at all nodes of a cluster or one, in no order",
            access: .gateway,
            query: [
                Parameter("product", .id(ProductKey.self), "Devices of that product."),
                Parameter("node", .id(NodeName.self), "Connected to that node of the cluster."),
                .search("like", "With that in their client identifier or address."),
            ],
            answers: .page(of: Documents.clientConnection),
            problems: [.notClustered, .unknownNode, .nodeUnreachable]
        ) { call in try await Self.listConnections(call) }
    }

    private static func listConnections(_ call: Call) async throws -> Response {
        let product = try call.query("product", ProductKey.init)
        let like = call.query("like").map(Search.init)
        let nodes = try Self.nodes(call)
        let (cursor, limit) = try call.page()
        var place: ConnectionPlace? = try Self.place(at: cursor, among: nodes)
        var items: [JSON] = []
        // A part that has looked at as much as it may can be empty.
        var partsLeft = 16
        while let from = place, items.count < limit, partsLeft > 0 {
            let part = await call.controlPlane.connections(
                from: from, of: product, limit: limit - items.count)
            guard let part else {
                throw Problem(
                    .nodeUnreachable, "node \(from.node?.text ?? "") of the cluster does not answer"
                )
            }
            for element in part.elements
            where like?.finds(element.connection.clientID, element.connection.address) ?? true {
                items.append(Documents.clientConnection((element, from.node)))
            }
            place = part.next ?? Self.next(after: from, among: nodes)
            partsLeft -= 1
        }
        return call.list(items, cursor: place.map(Self.cursor))
    }

    /// Those that are looked at, in order; none of a gateway alone.
    private static func nodes(_ call: Call) throws -> [NodeName] {
        let nodes = try call.controlPlane.nodes()
        guard let one = try call.query("node", NodeName.init) else { return nodes }
        guard !nodes.isEmpty else { throw Problem(.notClustered) }
        guard nodes.contains(one) else {
            throw Problem(.unknownNode, "the cluster has no node \(one)")
        }
        return [one]
    }

    /// The beginning of the node behind that one.
    static func next(
        after place: ConnectionPlace, among nodes: [NodeName]
    ) -> ConnectionPlace? {
        guard let node = place.node, let next = nodes.first(where: { $0 > node }) else {
            return nil
        }
        return ConnectionPlace(node: next)
    }

    /// In hexadecimal digits: eight of the shard and eight of the slot; in a cluster the node's name before them.
    static func cursor(at place: ConnectionPlace) -> String {
        let name = place.node.map { Array($0.text.utf8) } ?? []
        return hexadecimal(name + bytes(UInt64(place.shard) << 32 | UInt64(place.slot)))
    }

    private static func bytes(_ number: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) }
    }

    /// Where that cursor leads; `nil`: to a node that has been removed since, and none is behind it.
    static func place(
        at cursor: String?, among nodes: [NodeName]
    ) throws(Problem) -> ConnectionPlace? {
        guard let cursor else { return ConnectionPlace(node: nodes.first) }
        var decoded = Bytes.ByteBuffer()
        guard Hexadecimal.decode(cursor.utf8Span.span, into: &decoded), decoded.count >= 8 else {
            throw .unknownCursor
        }
        let bytes = decoded.span.bytesArray
        let name = bytes.dropLast(8)
        guard name.isEmpty == nodes.isEmpty else { throw .unknownCursor }
        let number = bytes.suffix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let slot = UInt32(truncatingIfNeeded: number)
        guard !name.isEmpty else {
            return ConnectionPlace(node: nil, shard: Int(number >> 32), slot: slot)
        }
        guard let node = NodeName(String(decoding: name, as: UTF8.self)) else {
            throw .unknownCursor
        }
        let place = ConnectionPlace(node: node, shard: Int(number >> 32), slot: slot)
        return nodes.contains(node) ? place : next(after: place, among: nodes)
    }
}
