import Admin
import Gateway
import JetStream
import Ledger
import Linux
import Replication
import Storage

/// Begins a cluster's log anew, behind the last entry that this node's books have applied.
///
/// Books and stream agree by the stream's metadata: they name a generation, and the place in the books behind which it
/// begins. Each node compares them at its start, so the new stream is all that has to be made; what is cut off before
/// is carried on with by the next try.
struct Adoption {
    let node: NodeName
    let cluster: ClusterID
    let mark: LogMark
    let generation: LogGeneration
    private let configuration: GatewayConfiguration
    let settings: JetStreamSettings

    /// How far this node has followed the retained messages.
    let retainedPlace: Stores.RetainedPlace?

    /// By name, also those that were removed.
    private let members: [ClusterMember]

    /// Reads all of this node's books, which have to be whole.
    init(_ configuration: GatewayConfiguration, of node: NodeName) throws(Failure) {
        self.configuration = configuration
        self.node = node
        guard BooksOnDisk.exist(in: configuration.data) else {
            throw Failure(text: "\(configuration.data) has no books")
        }
        let secrets = SecretsDirectory(of: configuration)
        guard let keys = try orFail({ try SecretKeys(in: secrets) }),
            let mint = try orFail({ try MintKey.fingerprint(in: secrets) })
        else {
            throw Failure(
                text: "\(secrets.path): device-secrets.key and mint.key have to be there")
        }
        let books = try BooksOnDisk.open(in: "\(configuration.data)/ledger") { ledger in
            try Self.read(ledger, keys)
        }
        (cluster, mark, members) = (books.cluster, books.mark, books.members)
        generation = LogGeneration(
            number: books.generation + 1, position: mark.position, chain: "\(mark.chain)")
        var settings = try JetStreamSettings(configuration.cluster)
        settings.labels[NodeStart.mintLabel] = mint
        settings.labels[NodeStart.ticketLabel] = try orFail {
            try TicketSecret(in: secrets)?.fingerprint
        }
        self.settings = settings
        retainedPlace = try orFail { try Stores.retainedPlace(in: configuration.data) }
        guard !members.contains(where: { $0.node == node && $0.isRemoved }) else {
            throw Failure(text: "node \(node) was removed from the cluster: adopt at another node")
        }
    }

    private struct Found {
        let cluster: ClusterID
        let mark: LogMark
        let generation: UInt64
        let members: [ClusterMember]
    }

    private static func read(_ ledger: Ledger, _ keys: SecretKeys) throws -> Found {
        guard let books = try BooksOnDisk.Membership(of: ledger) else {
            throw Failure(text: "the books are of no cluster: tollgate cluster join --found")
        }
        let problems = try ledger.verify() + keys.verify(ledger, limit: 10)
        guard problems.isEmpty else {
            throw Failure(
                text:
                    "the books are not whole: \(problems.joined(separator: "; ")). Adopt those of another node"
            )
        }
        let (generation, members) = try ledger.read { books, transaction throws(StoreError) in
            (try books.generation(in: transaction), try books.members(in: transaction))
        }
        return Found(
            cluster: books.cluster, mark: books.mark, generation: generation ?? 1, members: members)
    }

    // MARK: The other nodes

    /// A node, as it has answered, and held against these books.
    struct Other {
        enum Standing: Equatable {
            case same, behind, ahead, different, unasked
        }

        let name: String
        let position: Int64?
        let standing: Standing

        /// What its operator has to do.
        var text: String {
            let place = position.map { " (entry \($0))" } ?? ""
            let again = "move its ledger directory away, and say tollgate cluster join --from there"
            return switch standing {
            case .same: "node \(name) has the same books: it goes on when it is started again"
            case .behind: "node \(name) is behind\(place): \(again)"
            case .ahead, .different:
                "node \(name) has other books\(place), which are given up: \(again)"
            case .unasked:
                "node \(name) was not asked: if it says at its start that the log was begun anew from other books, \(again)"
            }
        }
    }

    /// Every other node. Throws when one is further, or has other books, or was not asked, and is not among those that
    /// are not waited for.
    func others(in sights: [ClusterSight], without: [String]) throws(Failure) -> [Other] {
        if let foreign = sights.first(where: { $0.cluster != "\(cluster)" }) {
            throw Failure(text: "node \(foreign.node) belongs to cluster \(foreign.cluster)")
        }
        let names = members.filter { !$0.isRemoved && $0.node != node }.map(\.node.text)
        for name in without where !names.contains(name) {
            throw Failure(text: "--without \(name): the books know no such node", code: 2)
        }
        let others = Set(names + sights.map(\.node)).subtracting([node.text]).sorted().map { name in
            other(name, sights.first { $0.node == name })
        }
        for other in others where !without.contains(other.name) {
            if let why = obstacle(other) { throw Failure(text: why) }
        }
        return others
    }

    private func other(_ name: String, _ sight: ClusterSight?) -> Other {
        guard let sight else { return Other(name: name, position: nil, standing: .unasked) }
        let own = Int64(clamping: mark.position)
        let standing: Other.Standing =
            if sight.position != own {
                sight.position < own ? .behind : .ahead
            } else {
                sight.document["chain"]?.text == "\(mark.chain)" ? .same : .different
            }
        return Other(name: name, position: sight.position, standing: standing)
    }

    private func obstacle(_ other: Other) -> String? {
        switch other.standing {
        case .same, .behind: nil
        case .ahead:
            "node \(other.name) is further, at entry \(other.position ?? 0), and these books at \(mark.position): adopt "
                + "its books, or give them up with --without \(other.name)"
        case .different:
            "node \(other.name) has other books at the same entry, \(mark.position): find out which are right "
                + "(tollgate check), and give the others up with --without NODE"
        case .unasked:
            "node \(other.name) was not asked, and may be further: say --peer with its API's address, or "
                + "--without \(other.name)"
        }
    }

    // MARK: The log

    /// What is still there of the log.
    struct OldLog {
        let generation: UInt64
        let last: UInt64
    }

    /// Throws when it goes as far as the books do: then nothing seems to be wrong with it.
    func old(mayBeWhole: Bool) throws(Failure) -> OldLog? {
        guard let log = try found() else { return nil }
        defer { log.close() }
        let (found, last) = try orFail { (try log.generation(), try log.position()) }
        guard found.number < generation.number else {
            throw Failure(
                text:
                    "the log was begun anew already, behind entry \(found.position): start the gateway, and join "
                    + "again if it says so")
        }
        guard last < mark.position || mayBeWhole else {
            throw Failure(
                text:
                    "the log is there, up to entry \(last), and these books are at \(mark.position): start the "
                    + "gateway. If they have gone different ways (chain), --discard-log gives the log up"
            )
        }
        return OldLog(generation: found.number, last: last)
    }

    func found() throws(Failure) -> JetStreamLog? {
        do throws(JetStreamError) {
            return try JetStreamLog(settings, clusterID: "\(cluster)", ifAbsent: .fail)
        } catch .noStream {
            return nil
        } catch {
            throw Failure(text: "\(error)")
        }
    }

    /// Removes what is there, if it still is what was looked at, and makes the new log.
    func begin(instead old: OldLog?) throws(Failure) {
        if let old, let log = try found() {
            defer { log.close() }
            let (generation, last) = try orFail { (try log.generation(), try log.position()) }
            guard generation.number == old.generation, last == old.last else {
                throw Failure(text: "the log has changed meanwhile: is a gateway still running?")
            }
            try orFail { try log.remove() }
        }
        let log = try orFail {
            try JetStreamLog(settings, clusterID: "\(cluster)", ifAbsent: .begin(generation))
        }
        defer { log.close() }
        try log.awaitReliable()
    }
}
