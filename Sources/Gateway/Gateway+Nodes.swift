import Ledger
import Linux
import Links
import Metering
import Sessions
import Storage

// A node of a cluster: its links to the others.
extension Foundations {
    /// Looks whether the node's stored sessions are its own still; others may have taken them over while it was away.
    static func beginSessions(
        _ commons: GatewayCommons, _ configuration: GatewayConfiguration
    ) throws(GatewayError) {
        guard let leader = commons.sessionLeader else { return }
        do throws(StoreError) {
            let record = try commons.ledger.read { books, transaction throws(StoreError) in
                try books.sessionFollowing(of: commons.node, in: transaction)
            }
            if record?.isInherited == true {
                let answer = Monitor<Result<Void, StoreError>?>(nil)
                commons.sessions.removeAll { result in answer.change { $0 = result } }
                try answer.wait { $0 }?.get()
                commons.log?.say(
                    .notice, "another node has taken over this one's stored sessions",
                    .init("node", record?.follower?.text ?? ""))
            }
            commons.neighbours?.begin(
                Neighbours.Beginning(
                    record: record?.number ?? 0, heir: record.flatMap(Self.heir),
                    firstForwardingLife: try commons.sessions.firstForwardingLife()))
            if record?.heirs.isEmpty == false { waitForHeirs(commons) }
            leader.begin(record)
        } catch {
            throw .store("\(configuration.data)/usage", error)
        }
    }

    /// Who has the sessions that were the node's before.
    private static func heir(_ record: SessionFollowing) -> SessionHeir? {
        guard record.isInherited, let follower = record.follower else { return record.heirs.last }
        return SessionHeir(node: follower, number: record.number)
    }

    /// Others should not see this node, which has none of its old sessions, before they know who has them.
    private static func waitForHeirs(_ commons: GatewayCommons) {
        let end = MonotonicInstant.now().adding(milliseconds: heirsMilliseconds)
        while MonotonicInstant.now() < end {
            let record = try? commons.ledger.read { books, transaction throws(StoreError) in
                try books.sessionFollowing(of: commons.node, in: transaction)
            }
            guard let record, !record.heirs.isEmpty else { return }
            _ = Monitor(()).wait(until: .now().adding(milliseconds: 50)) { _ -> Void? in nil }
        }
    }

    /// Heirs with very many sessions take longer, and one that is gone does not answer.
    private static var heirsMilliseconds: Int64 { 5_000 }

    /// Has another node keep this one's stored sessions, and keeps those of others; `nil` of a gateway without links.
    func followSessions() throws(GatewayError) -> FollowKeeper? {
        guard let neighbours = commons.neighbours, let leader = commons.sessionLeader else {
            return nil
        }
        let follower = SessionFollower(
            in: configuration.data, configuration.storage, commons.ledger, neighbours, commons.log)
        do throws(Errno) {
            let keeper = try FollowKeeper(
                commons, leader, follower, neighbours,
                isFollowed: configuration.cluster.sessionReplicas > 1)
            neighbours.use(
                Neighbours.Followers(leader: leader, follower: follower) { [weak keeper] in
                    keeper?.hear(.changed)
                })
            return keeper
        } catch {
            throw .system("starting a thread", error)
        }
    }

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
