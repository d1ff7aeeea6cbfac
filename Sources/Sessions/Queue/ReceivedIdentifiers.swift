/// Packet identifiers of QoS 2 messages that were taken from a client and await its PUBREL: a PUBLISH
/// with one of them is acknowledged and not taken again ([MQTT-4.3.3-10], [MQTT-4.3.3-12]).
///
/// As many as the Receive Maximum that the client was told. Owns no memory while empty.
public struct ReceivedIdentifiers: Equatable, Sendable {
    /// In order.
    private var identifiers: [UInt16] = []

    public init() {}

    /// Those that the store has kept, in order.
    init(_ identifiers: [UInt16]) { self.identifiers = identifiers }

    public var count: Int { identifiers.count }
    public var isEmpty: Bool { identifiers.isEmpty }

    /// In order.
    public var all: [UInt16] { identifiers }

    public func contains(_ packetID: UInt16) -> Bool {
        let place = place(of: packetID)
        return place < identifiers.count && identifiers[place] == packetID
    }

    /// PUBLISH: false when it is there already.
    public mutating func insert(_ packetID: UInt16) -> Bool {
        let place = place(of: packetID)
        if place < identifiers.count && identifiers[place] == packetID { return false }
        identifiers.insert(packetID, at: place)
        return true
    }

    /// PUBREL: false when it is not there.
    public mutating func remove(_ packetID: UInt16) -> Bool {
        let place = place(of: packetID)
        guard place < identifiers.count, identifiers[place] == packetID else { return false }
        identifiers.remove(at: place)
        if identifiers.isEmpty { identifiers = [] }
        return true
    }

    /// The first place whose identifier is not less.
    private func place(of packetID: UInt16) -> Int {
        var low = 0
        var high = identifiers.count
        while low < high {
            let middle = low + (high - low) / 2
            if identifiers[middle] < packetID { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
