import Admin
import Gateway
import JetStream
import Ledger
import Links
import Logging
import Replication

/// What makes `serve` a node of the cluster that the configuration names.
enum NodeStart {
    /// Under which key the stream's metadata have the fingerprint of `mint.key`.
    static let mintLabel = "tollgate-mint-key"

    /// The same of `ticket.key`; streams of older programs don't have it.
    static let ticketLabel = "tollgate-ticket-key"

    /// Of one try to open the log, in milliseconds.
    private static let openMilliseconds: Int64 = 5_000

    /// Opens the log. `nil` when the configuration names no cluster; throws when the data directory has no books of
    /// one, or what is found is not to be relied on. A log that can't be reached is opened when it can.
    static func membership(
        _ configuration: GatewayConfiguration, _ logger: Logger
    ) throws(Failure) -> ClusterMembership? {
        guard let node = configuration.cluster.name else { return nil }
        guard let books = try BooksOnDisk.membership(in: configuration.data) else {
            throw Failure(
                text:
                    "\(configuration.data) has no books of a cluster: `tollgate cluster join --from URL` takes "
                    + "them from a node, `tollgate cluster join --found` begins a cluster")
        }
        let secrets = SecretsDirectory(of: configuration)
        guard let mint = try orFail({ try MintKey.fingerprint(in: secrets) }) else {
            throw Failure(
                text: "\(secrets.mintFile): no such file: copy it from a node of the cluster")
        }
        let ticket = try orFail { try TicketSecret(in: secrets)?.fingerprint }
        var settings = try JetStreamSettings(configuration.cluster)
        settings.openMilliseconds = openMilliseconds
        let shared = [
            (label: mintLabel, fingerprint: mint, file: secrets.mintFile),
            (label: ticketLabel, fingerprint: ticket ?? "", file: secrets.ticketFile),
        ]
        let log = try log(settings, of: books.cluster, shared, logger)
        logger.notice(
            "node \(node) of cluster \(books.cluster), at entry \(books.mark.position) of the log")
        return ClusterMembership(
            log: log, cluster: books.cluster, node: node, epoch: .random(in: 1...UInt64.max))
    }

    /// The way to the other nodes, over the log's servers.
    static func peers(
        _ configuration: GatewayConfiguration, _ membership: ClusterMembership?
    ) throws(Failure) -> (any PeerTransport)? {
        guard let membership else { return nil }
        return LatePeers(try JetStreamSettings(configuration.cluster), membership.cluster)
    }

    /// Where the nodes have their retained messages in common: a stream beside the log's, which is made if need be. One
    /// that can't be reached is opened when it can.
    static func retained(
        _ configuration: GatewayConfiguration, _ membership: ClusterMembership?,
        _ logger: Logger
    ) throws(Failure) -> (any LatestRecords)? {
        guard let membership else { return nil }
        var settings = try JetStreamSettings(configuration.cluster).ofRetained
        settings.openMilliseconds = openMilliseconds
        let (cluster, opened) = ("\(membership.cluster)", settings)
        let open: @Sendable () throws -> any LatestRecords = {
            try JetStreamLatestRecords(opened, clusterID: cluster)
        }
        do {
            return try open()
        } catch let error as JetStreamError {
            guard let why = error.passingReason else { throw Failure(text: "\(error)") }
            logger.error("what other nodes retain does not come, and nothing is retained: \(why)")
            return try orFail { try LateLatestRecords(why: why, open: open) }
        } catch {
            throw Failure(text: "\(error)")
        }
    }

    /// The streams that products can name; `nil` when no servers are configured. Servers that can't be reached are
    /// waited for: what is to go into a stream is not acknowledged until then.
    static func uplink(
        _ configuration: GatewayConfiguration, _ logger: Logger
    ) throws(Failure) -> (any UplinkStreams)? {
        guard let (access, replicas) = configuration.uplinkAccess else { return nil }
        let settings = try JetStreamSettings(uplink: access, replicas: replicas)
        let open: @Sendable () throws -> any UplinkStreams = { try JetStreamUplink(settings) }
        do {
            return try open()
        } catch let error as JetStreamError {
            guard let why = error.passingReason else { throw Failure(text: "\(error)") }
            logger.error("messages can't go into streams yet: \(why)")
            return try orFail { try LateUplinkStreams(why: why, open: open) }
        } catch {
            throw Failure(text: "\(error)")
        }
    }

    /// Requests for messages to devices, on the servers of uplink streams; `nil` when none are configured.
    static func downlink(
        _ configuration: GatewayConfiguration
    ) throws(Failure) -> (any DownlinkRequests)? {
        guard let (access, replicas) = configuration.uplinkAccess else { return nil }
        let settings = try JetStreamSettings(uplink: access, replicas: replicas)
        return try orFail { try DownlinkSubjects(settings) }
    }

    private static func log(
        _ settings: JetStreamSettings, of cluster: ClusterID,
        _ shared: [(label: String, fingerprint: String, file: String)], _ logger: Logger
    ) throws(Failure) -> any CommandLog {
        let open: @Sendable () throws -> any CommandLog = {
            let log = try JetStreamLog(settings, clusterID: "\(cluster)", ifAbsent: .fail)
            let wrong = shared.first { log.labels[$0.label] ?? $0.fingerprint != $0.fingerprint }
            guard let wrong else { return log }
            log.close()
            let fault = wrong.fingerprint.isEmpty ? "is missing" : "is not the cluster's"
            throw Failure(text: "\(wrong.file) \(fault): copy it from another node")
        }
        do {
            return try open()
        } catch let error as JetStreamError {
            guard let why = error.passingReason else { throw Failure(text: "\(error)") }
            logger.error(
                "the log can't be followed: what the books know is served, and nothing is activated: \(why)"
            )
            return try orFail { try LateLog(why: why, open: open) }
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(text: "\(error)")
        }
    }
}

extension JetStreamError {
    /// Why a log can't be had now, when it may be had later without a change here.
    fileprivate var passingReason: String? {
        switch self {
        case .unreachable(let why): why
        case .noStream:
            "\(self): it was lost, or cluster.stream means another"
        case .badSettings, .notLetIn, .tooOld, .unsafeStream, .foreignCluster, .notMade, .noThread:
            nil
        }
    }
}
