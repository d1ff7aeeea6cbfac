import Admin
import Gateway
import JetStream
import Ledger
import Linux
import Replication
import Storage
import Time

/// Begins a cluster: its id goes into the books first, and then into a log that is made for it. What is cut off
/// between them is carried on with by the next try, and no other node can take its place.
struct Founding {
    private let configuration: GatewayConfiguration

    init(_ configuration: GatewayConfiguration) { self.configuration = configuration }

    func found() throws(Failure) -> JoinedCluster {
        let known = try BooksOnDisk.membership(in: configuration.data)
        if let known, known.mark.position > 0 {
            throw Failure(
                text:
                    "\(configuration.data): the books are cluster \(known.cluster)'s already, at entry "
                    + "\(known.mark.position) of its log")
        }
        let cluster = known?.cluster ?? ClusterID(.random(in: 1 ... .max))
        let settings = try settings()
        try requireNoOther(settings, cluster)
        let events = try join(cluster)
        try makeLog(settings, cluster)
        return JoinedCluster(
            cluster: "\(cluster)", node: configuration.cluster.node ?? "", position: 0,
            events: events)
    }

    /// With the fingerprints of the mint key and the ticket key, which are made if there are none.
    private func settings() throws(Failure) -> JetStreamSettings {
        let secrets = SecretsDirectory(of: configuration)
        let (mint, ticket) = try orFail {
            try FileSystem.createDirectory(configuration.data, mode: 0o700)
            try secrets.create()
            return (
                try MintKey.loaded(from: secrets).fingerprint,
                try TicketSecret.opened(in: secrets).fingerprint
            )
        }
        var settings = try JetStreamSettings(configuration.cluster)
        settings.labels[NodeStart.mintLabel] = mint
        settings.labels[NodeStart.ticketLabel] = ticket
        return settings
    }

    /// There must be no such stream, or the one that an earlier try has made.
    private func requireNoOther(
        _ settings: JetStreamSettings, _ cluster: ClusterID
    ) throws(Failure) {
        do throws(JetStreamError) {
            try JetStreamLog(settings, clusterID: "\(cluster)", ifAbsent: .fail).close()
        } catch .noStream {
            return
        } catch .foreignCluster(let stream, let found, _) {
            throw Failure(
                text:
                    "stream \(stream) is the log of cluster \(found) already: join that one with --from, or "
                    + "name another stream (cluster.stream)")
        } catch {
            throw Failure(text: "\(error)")
        }
    }

    /// Answers how many events the books have.
    private func join(_ cluster: ClusterID) throws(Failure) -> UInt64 {
        try BooksOnDisk.open(in: "\(configuration.data)/ledger", migrates: true) { ledger in
            if try BooksOnDisk.Membership(of: ledger) == nil { try Self.endWork(in: ledger) }
            return try ledger.environment.write { transaction throws(StoreError) in
                try ledger.books.join(cluster, behind: 0, in: transaction)
                return try ledger.books.lastSequence(in: transaction)
            }
        }
    }

    /// What a gateway that was alone had under way ends, as with its next start: leases of packs count as used, and
    /// imports that were not received whole are void.
    private static func endWork(in ledger: Ledger) throws(StoreError) {
        let run = GatewayRun(node: .alone, number: .random(in: 1...UInt64.max))
        let actions: [Action] = [
            .topUps(.abandon(holder: LeaseHolder(.alone), limit: 1_000)),
            .imports(.abandonOthers(run: run)),
        ]
        for action in actions {
            while true {
                let outcome = try ledger.carryOut(
                    Command(at: .now(), actor: Command.gatewayActor, action: action))
                guard case .ended(_, more: true) = outcome.effect else { break }
            }
        }
    }

    private func makeLog(_ settings: JetStreamSettings, _ cluster: ClusterID) throws(Failure) {
        let log = try orFail { try JetStreamLog(settings, clusterID: "\(cluster)") }
        defer { log.close() }
        try log.awaitReliable()
    }
}

extension JetStreamLog {
    /// How long the servers may take to have all replicas of a new stream, in milliseconds.
    private static let settleMilliseconds: Int64 = 8_000

    /// Of a log that was made just now.
    func awaitReliable() throws(Failure) {
        let deadline = MonotonicInstant.now().adding(milliseconds: Self.settleMilliseconds)
        var standing = standing
        while standing.doubt != nil, MonotonicInstant.now() < deadline {
            Semaphore().wait(milliseconds: 250)
            standing = self.standing
        }
        if let doubt = standing.doubt {
            throw Failure(
                text:
                    "the log was made, but it can't be relied on: \(doubt). Correct that, and say this again"
            )
        }
    }
}
