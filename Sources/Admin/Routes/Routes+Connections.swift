import Gateway
import Hummingbird
import Ledger

/// Who is connected to this gateway.
extension Routes {
    mutating func registerConnections() {
        on(
            .get, "connections", "listConnections",
            "The clients that are connected to this gateway, in no order; each node of a cluster has its own",
            access: .gateway,
            query: [
                Parameter("product", .id(ProductKey.self), "Devices of that product."),
                .search("like", "With that in their client identifier or address."),
            ],
            answers: .page(of: Documents.clientConnection)
        ) { call in try await Self.listConnections(call) }
    }

    private static func listConnections(_ call: Call) async throws -> Response {
        let product = try call.query("product", ProductKey.init)
        let like = call.query("like").map(Search.init)
        let (cursor, limit) = try call.page()
        var place: ConnectionPlace? =
            if let cursor { try Self.place(at: cursor) } else { .first }
        var items: [JSON] = []
        // A part that has looked at as much as it may can be empty.
        var partsLeft = 16
        while let from = place, items.count < limit, partsLeft > 0 {
            let part = await call.controlPlane.connections(
                from: from, of: product, limit: limit - items.count)
            for element in part.elements
            where like?.finds(element.connection.clientID, element.connection.address) ?? true {
                items.append(Documents.clientConnection(element))
            }
            place = part.next
            partsLeft -= 1
        }
        return call.list(items, cursor: place.map(Self.cursor))
    }

    /// Sixteen hexadecimal digits: eight of the shard, eight of the slot.
    private static func cursor(at place: ConnectionPlace) -> String {
        let text = String(UInt64(place.shard) << 32 | UInt64(place.slot), radix: 16)
        return String(repeating: "0", count: 16 - text.utf8.count) + text
    }

    private static func place(at cursor: String) throws(Problem) -> ConnectionPlace {
        guard cursor.utf8.count == 16, let number = UInt64(cursor, radix: 16) else {
            throw .unknownCursor
        }
        return ConnectionPlace(
            shard: Int(number >> 32), slot: UInt32(truncatingIfNeeded: number))
    }
}
