import Admin
import Gateway
import Glibc
import Ledger
import Linux
import Storage

/// Takes the books of a node that runs: compares the secrets, copies, checks, and puts them in their place at once.
struct Joining {
    private let configuration: GatewayConfiguration
    private let peer: PeerNode

    init(_ configuration: GatewayConfiguration, of peer: PeerNode) {
        self.configuration = configuration
        self.peer = peer
    }

    private var ledger: String { "\(configuration.data)/ledger" }

    /// Where the books are until they are known to be good.
    private var partial: String { "\(configuration.data)/ledger.partial" }

    func join() async throws(Failure) -> JoinedCluster {
        guard !BooksOnDisk.exist(in: configuration.data) else {
            throw Failure(
                text:
                    "\(ledger) has books already, and a node begins with its peer's: move the directory away, or "
                    + "name another (--data)")
        }
        let sight = try await peer.ask()
        try requireFreeName(sight)
        let keys = try requireSecrets(sight)
        let copied = try await download()
        guard copied.cluster == sight.cluster else {
            throw Failure(text: "the peer has become another cluster's node meanwhile: try again")
        }
        let joined = try check(copied, keys)
        try orFail {
            for name in ["lock.mdb", "owner.lock"] { try FileSystem.remove("\(partial)/\(name)") }
            try FileSystem.sync(directory: partial)
            try FileSystem.move(partial, to: ledger)
        }
        return joined
    }

    /// Two gateways under one name would end each other's part.
    private func requireFreeName(_ sight: ClusterSight) throws(Failure) {
        let name = configuration.cluster.node ?? ""
        guard let other = sight.nodes.first(where: { $0["name"]?.text == name }) else { return }
        guard other["removed"]?.bool != true else {
            throw Failure(
                text:
                    "node \(name) was removed from the cluster, which uses no name again: take another one (cluster.node)"
            )
        }
        let silence = other["silentSeconds"]?.integer
        guard name == sight.node || silence.map({ $0 < 90 }) == true else { return }
        let heard = name == sight.node ? "the peer itself" : "heard of \(silence ?? 0) s ago"
        throw Failure(
            text:
                "node \(name) is there already, \(heard): give this one a name of its own (cluster.node), or "
                + "stop that gateway and wait a minute and a half")
    }

    // MARK: Secrets

    /// The files that nodes share have to be here, and the same. Names all that are not.
    private func requireSecrets(_ sight: ClusterSight) throws(Failure) -> SecretKeys {
        let secrets = SecretsDirectory(of: configuration)
        var faults: [String] = []
        let keys = try orFail { try SecretKeys(in: secrets) }
        let wanted = sight.document["secrets"]?["sealingKeys"]?.array ?? []
        if let keys {
            let held = Set(keys.fingerprints.map { "\($0.number)=\($0.digits)" })
            let missing = wanted.filter { key in
                !held.contains("\(key["number"]?.integer ?? 0)=\(key["fingerprint"]?.text ?? "")")
            }
            if !missing.isEmpty { faults.append("\(secrets.keyFile) is not the cluster's") }
        } else {
            faults.append("\(secrets.keyFile) is missing")
        }
        let mint = try orFail { try MintKey.fingerprint(in: secrets) }
        if mint != sight.document["secrets"]?["mintKey"]?.text {
            faults.append("\(secrets.mintFile) is \(mint == nil ? "missing" : "not the cluster's")")
        }
        let ticket = try orFail { try TicketSecret(in: secrets)?.fingerprint }
        // A peer with an older program has none.
        if let wanted = sight.document["secrets"]?["ticketKey"]?.text, ticket != wanted {
            faults.append(
                "\(secrets.ticketFile) is \(ticket == nil ? "missing" : "not the cluster's")")
        }
        guard faults.isEmpty, let keys else {
            throw Failure(
                text: faults.joined(separator: ", and ")
                    + ": copy device-secrets.key, mint.key and ticket.key from the peer's secrets directory, mode 0600"
            )
        }
        return keys
    }

    // MARK: Books

    private struct Copied {
        let cluster: String
        let position: String
        let chain: String
    }

    private func download() async throws(Failure) -> Copied {
        let file = try orFail {
            try FileSystem.createDirectory(configuration.data, mode: 0o700)
            // What an earlier try has left.
            for name in ["data.mdb", "lock.mdb", "owner.lock"] {
                try FileSystem.remove("\(partial)/\(name)")
            }
            try FileSystem.createDirectory(partial, mode: 0o700)
            return try NewFile("\(partial)/data.mdb")
        }
        var progress = Progress()
        var count = 0
        let answer = try await peer.client.download(
            "/v1/cluster/snapshot", headers: peer.headers
        ) {
            piece, total throws(Failure) in
            try orFail { try file.append(piece.span) }
            count += piece.count
            progress.show("books: \(count >> 20) MiB" + (total.map { " of \($0 >> 20) MiB" } ?? ""))
        }
        progress.end()
        guard answer.status == 200 else {
            throw PeerNode.refusal(answer.status, answer.bytes)
        }
        try orFail { try file.sync() }
        return Copied(
            cluster: try answer.header(SnapshotHeader.cluster),
            position: try answer.header(SnapshotHeader.position),
            chain: try answer.header(SnapshotHeader.chain))
    }

    /// Opens the copy, and reads all of it.
    private func check(_ copied: Copied, _ keys: SecretKeys) throws(Failure) -> JoinedCluster {
        try BooksOnDisk.open(in: partial) { ledger in
            guard let books = try BooksOnDisk.Membership(of: ledger),
                "\(books.cluster)" == copied.cluster, "\(books.mark.position)" == copied.position,
                "\(books.mark.chain)" == copied.chain
            else {
                throw Failure(
                    text: "the books are not those that the peer has announced: try again")
            }
            let problems = try ledger.verify() + keys.verify(ledger, limit: 10)
            guard problems.isEmpty else {
                throw Failure(
                    text:
                        "the peer's books are not whole: \(problems.joined(separator: "; ")). Take another node's"
                )
            }
            let events = try ledger.read { books, transaction throws(StoreError) in
                try books.lastSequence(in: transaction)
            }
            return JoinedCluster(
                cluster: copied.cluster, node: configuration.cluster.node ?? "",
                position: books.mark.position, events: events)
        }
    }
}

extension SealingKey {
    /// Its fingerprint, as the API has it.
    fileprivate var digits: String {
        fingerprint.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
