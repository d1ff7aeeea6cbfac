import Ledger
import Linux
import Links
import Metering

// A node of a cluster: its links to the others.
extension Foundations {
    /// Opens the links, when the shards can take what comes over them.
    func openLinks(
        _ membership: ClusterMembership?, over transport: (any PeerTransport)?
    ) throws(GatewayError) -> OwnerKeeper? {
        guard let membership, let transport, let neighbours = commons.neighbours else { return nil }
        do throws(Errno) {
            try neighbours.start(
                over: transport, cluster: membership.cluster, epoch: membership.epoch)
            return try OwnerKeeper(commons, neighbours, time)
        } catch {
            throw .system("starting a thread", error)
        }
    }
}

// What other nodes know.
extension Gateway {
    /// The answers of the other nodes' shards: of a device's homes, or of all.
    func askOtherNodes(
        _ question: NodeQuestion, home device: DeviceIdentity? = nil
    ) async -> [NodeAnswer] {
        guard commons.neighbours != nil else { return [] }
        let shard = device.map { commons.homes.shard(of: $0) } ?? 0
        return await ask(shard, orElse: []) { .otherNodes(question, home: device, $0) }
    }
}
