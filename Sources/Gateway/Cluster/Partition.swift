import Ledger
import Sessions

/// One of the parts that all clients are divided into, by their names: each is owned by one node, which says where
/// its clients are.
struct Partition: Hashable {
    /// Below `PartitionTable.partitionCount`.
    let index: Int

    init(_ name: SessionName) {
        var hash = StableHash()
        for byte in name.bytes { hash.add(byte) }
        index = hash.remainder(of: PartitionTable.partitionCount)
    }

    /// The same as of the device's session name, which is not made for it.
    init(_ device: DeviceIdentity) {
        var hash = StableHash()
        hash.add(SessionName.Kind.device.rawValue)
        hash.add(device.product.text.utf8Span.span)
        hash.add(UInt8(ascii: "."))
        hash.add(device.device.text.utf8Span.span)
        index = hash.remainder(of: PartitionTable.partitionCount)
    }
}

/// Who owns the partitions, with the nodes as this process numbers them.
final class PartitionOwners: Sendable {
    /// Of the table in the books; 0: there is none yet.
    let number: UInt64

    /// Those of the table besides this one.
    let others: Set<UInt8>
    private let owners: [UInt8]
    private let deputies: [UInt8]

    /// No partition has an owner.
    init() {
        number = 0
        others = []
        owners = []
        deputies = []
    }

    init(_ table: PartitionTable, _ place: (NodeName) -> UInt8) {
        number = table.number
        let places = table.nodes.map(place)
        others = Set(places).subtracting([Peers.here, Peers.unknown])
        owners = table.owners.map { places[Int($0)] }
        deputies = table.deputies.map { places[Int($0)] }
    }

    func owner(of partition: Partition) -> UInt8 {
        owners.isEmpty ? Peers.unknown : owners[partition.index]
    }

    /// Who keeps the counts of the partition's devices, too.
    func deputy(of partition: Partition) -> UInt8 {
        deputies.isEmpty ? Peers.unknown : deputies[partition.index]
    }
}
