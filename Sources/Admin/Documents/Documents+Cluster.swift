import Gateway
import Ledger

extension Documents {
    /// A node, as it sees itself and the others.
    static let cluster = Shape<(report: ClusterReport, secrets: ClusterSecrets)>("Cluster") {
        Member("cluster", \.report.clusterText, "Which cluster: another's log is refused.")
        Member("node", \.report.node)
        Member(
            "phase", \.report.standing.phase.name, as: .choice(ClusterStanding.Phase.names),
            "Stopped: it takes no commands until a person has looked.")
        Member("why", \.report.why, "Of one that has stopped.")
        Member("position", \.report.standing.mark.position, "How far the log was applied.")
        Member("chain", \.report.chain, "What the books were made of up to there.")
        Member("lagEntries", \.report.lag, "Entries of the log that were not applied here yet.")
        Member("behindSeconds", \.report.behindSeconds, "Since when; null when it never caught up.")
        Member("trouble", \.report.standing.trouble, "What keeps it from going on, and may pass.")
        Member("waitingCommands", \.report.standing.waiting)
        Member("logReliable", \.report.isLogReliable)
        Member("logDoubt", \.report.doubt, "Why the log may not be relied on.")
        Member("nodes", each: \.report.seen) {
            Member("name", \.member.node)
            Member("position", \.member.position, "When it was last heard of.")
            Member("chain", \.member.chain, "The same; null when this node has not seen it.")
            Member("lagEntries", \.lag)
            Member(
                "silentSeconds", \.member.silentSeconds,
                "Since the log has taken the last that it said: an idle node says little there.")
            Member(
                "reachable", \.member.isReachable,
                "Whether it can be reached now, over the link to it; null of one that was removed.")
            Member(
                "heardSeconds", \.member.heardSeconds,
                "Since anything came over that link; null: nothing since this node's start.")
            Member("agrees", \.member.agrees, "Whether its books were the same there.")
            Member("removed", \.member.isRemoved)
            Member(
                "sessionsKeptBy", \.member.following?.follower,
                "The node that has its stored sessions, too.")
            Member(
                "sessionsTakenOver", \.member.isTakenOver,
                "Whether that node has them alone by now.")
        }
        Member("secrets", clusterSecrets, \.secrets)
    }

    /// What each node has and has counted.
    static let nodeFigures = Shape<[(node: NodeName, figures: NodeFigures?)]>("NodeFigures") {
        Member("nodes", each: \.self) {
            Member("name", \.node)
            Member(
                "answers", { $0.figures != nil }, "Whether it has said; else its figures are null.")
            Member("connections", \.figures?.connections, "Open sockets.")
            Member("clients", \.figures?.clients, "That were let in.")
            Member("sessions", \.figures?.sessions, "In memory, of clients that are away too.")
            Member(
                "connectsAdmitted", \.figures?.connectsAdmitted, "Since its start, as all below.")
            Member("publishesReceived", \.figures?.publishesReceived)
            Member("publishesDelivered", \.figures?.publishesDelivered)
            Member("publishesOverQuota", \.figures?.publishesOverQuota)
            Member(
                "connectionsEnded", \.figures?.connectionsEnded, "CONNECTs that were refused, too.")
        }
    }

    static let checkpoint = Shape<LogMark>("Checkpoint") {
        Member(
            "position", \.position,
            "Of the checkpoint, or of one that was made after it: nodes that come to it have applied that."
        )
        Member("chain", { "\($0.chain)" })
    }

    /// What nodes have said of their books.
    static let digests = Shape<ClusterReport>("Digests") {
        Member("position", \.standing.question?.position, "Of the last checkpoint.")
        Member("nodes", each: \.digests) {
            Member("name", \.node)
            Member("position", \.digest.mark.position, "Where they were compared.")
            Member("chain", \.chain, "What the books were made of up to there.")
            Member(
                "problems", \.digest.problems,
                "How much is wrong with its books, 100 at most; 0: they balance.")
            Member("tables", each: \.digest.tables) {
                Member("name", \.name)
                Member("records", \.records)
                Member("hash", \.hashText, "SHA-256 over all records, in the order of their keys.")
            }
        }
    }

    static let removal = Shape<(node: NodeName, ended: UInt64)>("Removal") {
        Member("node", \.node)
        Member("ended", \.ended, "Leases that count as used, and imports that were abandoned.")
    }

    /// What nodes have in common beside the books: enough to compare, and nothing to find a key from.
    private static let clusterSecrets = Shape<ClusterSecrets> {
        Member("sealingKeys", each: \.sealingKeys) {
            Member("number", \.numberText, as: .integer(1...255))
            Member("fingerprint", \.fingerprintText)
        }
        Member("mintKey", \.mintKey)
        Member("ticketKey", \.ticketKey)
    }
}

/// Fingerprints of the files that nodes share by copying.
struct ClusterSecrets: Sendable {
    let sealingKeys: [SealingKey]
    let mintKey: String
    let ticketKey: String
}

extension SealingKey {
    fileprivate var numberText: Int { Int(number) }
    var fingerprintText: String { hexadecimal(fingerprint) }
}

extension ClusterReport {
    fileprivate var clusterText: String { "\(cluster)" }
    fileprivate var chain: String { "\(standing.mark.chain)" }
    fileprivate var isLogReliable: Bool { doubt == nil }
    fileprivate var behindSeconds: Int? { behindMilliseconds.map { Int($0 / 1_000) } }

    fileprivate var why: String? {
        switch standing.phase {
        case .stopped(let why): why
        case .joining, .open: nil
        }
    }

    /// Of nodes that were not removed, by name.
    fileprivate var digests: [NodeDigest] {
        standing.digests.sorted { $0.key < $1.key }.map {
            NodeDigest(node: $0.key, digest: $0.value)
        }
    }

    fileprivate var seen: [(member: Member, lag: UInt64?)] { members.map { ($0, lag(of: $0)) } }
}

private struct NodeDigest {
    let node: NodeName
    let digest: BooksDigest

    var chain: String { "\(digest.mark.chain)" }
}

extension TableDigest {
    fileprivate var hashText: String { hexadecimal(hash) }
}

extension ClusterReport.Member {
    fileprivate var chain: String? { chainHash.map { "\($0)" } }
    fileprivate var isTakenOver: Bool { following?.isInherited ?? false }
    fileprivate var heardSeconds: Int? { heardMilliseconds.map { Int($0 / 1_000) } }
    fileprivate var silentSeconds: Int? { silentMilliseconds.map { Int($0 / 1_000) } }
}
