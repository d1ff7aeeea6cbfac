import Gateway
import HTTPTypes
import Hummingbird
import Ledger
import NIOCore

/// What nodes of a cluster, and their operators, ask of each other.
extension Routes {
    mutating func registerCluster() {
        on(
            .get, "cluster", "showCluster",
            "How this node stands with its cluster, and what it has seen of the others",
            access: .gateway, answers: .ok(Documents.cluster), problems: [.notClustered]
        ) { call in
            let report = try Self.report(call)
            let keys = call.controlPlane.secretKeys.fingerprints
            return .json(
                Documents.cluster(
                    (
                        report,
                        ClusterSecrets(
                            sealingKeys: keys, mintKey: call.server.mintKey.fingerprint,
                            ticketKey: call.controlPlane.ticketFingerprint)
                    )))
        }
        on(
            .get, "cluster/snapshot", "takeSnapshot",
            "The books of one moment, an LMDB file that a new node begins with; its headers say how far the log was "
                + "applied to them",
            access: .owner, answers: .snapshot,
            problems: [.notClustered, .backupRunning, .backupNoSpace, .tooManyStreams]
        ) { call in
            _ = try Self.report(call)
            guard let slot = call.server.snapshots.slot() else {
                throw Problem(
                    .tooManyStreams, "no more snapshots can be on their way at once",
                    retryAfterSeconds: 5)
            }
            do throws(BackupProblem) {
                let snapshot = try await call.controlPlane.snapshot()
                return try Response(snapshot, mintKey: call.server.mintKey, in: slot)
            } catch {
                throw Problem(Reason(error), "\(error)")
            }
        }
        on(
            .get, "cluster/figures", "showNodeFigures",
            "What each node has now, and what it has counted since its start",
            access: .gateway, answers: .ok(Documents.nodeFigures), problems: [.notClustered]
        ) { call in
            let nodes = try await call.controlPlane.nodeFigures()
            guard !nodes.isEmpty else { throw Problem(.notClustered) }
            return .json(Documents.nodeFigures(nodes))
        }
        registerNodes()
    }

    private mutating func registerNodes() {
        on(
            .post, "cluster/checkpoints", "makeCheckpoint",
            "Make a place in the log that every node comes to, to compare them there",
            access: .gateway, answers: .ok(Documents.checkpoint), problems: [.notClustered],
            isRemembered: false
        ) { call in
            let before = try Self.report(call).standing.mark.position
            try await call.carryOut(.cluster(.checkpoint(number: before)))
            let standing = try Self.report(call).standing
            return .json(Documents.checkpoint(standing.question ?? standing.mark))
        }
        on(
            .get, "cluster/checkpoints", "showDigests",
            "What nodes have said of their books since this one started, table by table: each at the last checkpoint that "
                + "was made through the API",
            access: .gateway, answers: .ok(Documents.digests), problems: [.notClustered]
        ) { call in .json(Documents.digests(try Self.report(call))) }
        on(
            .delete, "cluster/nodes/:node", "removeNode",
            "Take out a node that will not come back: its leases count as used, its name is not used again",
            access: .owner, answers: .ok(Documents.removal), problems: [.notClustered, .ownNode],
            isRemembered: false
        ) { call in
            let node = call.parameter("node", NodeName.init)
            var ended: UInt64 = 0
            while case .ended(let count, let more) = try await call.carryOut(
                .cluster(.removeNode(node)))
            {
                ended += UInt64(count)
                if !more { break }
            }
            return .json(Documents.removal((node, ended)))
        }
    }

    /// Throws when the gateway is alone.
    private static func report(_ call: Call) throws -> ClusterReport {
        guard let report = try call.controlPlane.cluster() else { throw Problem(.notClustered) }
        return report
    }
}

/// The headers of a snapshot.
public enum SnapshotHeader {
    public static let cluster = "Tollgate-Cluster"
    public static let position = "Tollgate-Position"
    public static let chain = "Tollgate-Chain"

    /// `1=HEX64, 2=HEX64`: the keys that secrets in it are sealed with.
    public static let sealingKeys = "Tollgate-Sealing-Keys"
    public static let mintKey = "Tollgate-Mint-Key"

    static let all: [Answer.Header] = [
        .init(name: cluster, note: "Whose books they are."),
        .init(name: position, note: "How far the log was applied to them."),
        .init(name: chain, note: "What they were made of up to there."),
        .init(
            name: sealingKeys,
            note: "Fingerprints of the keys that secrets are sealed with: NUMBER=HEX64, ..."),
        .init(name: mintKey, note: "The fingerprint of mint.key."),
    ]
}

extension Answer {
    static let snapshot = Answer(
        status: .ok, note: "The books.", headers: SnapshotHeader.all
    ).or("application/octet-stream")
}

extension Response {
    /// In bytes.
    private static let pieceLength = 1 << 18

    /// Sends the copy, which goes with the last piece, as the slot does.
    fileprivate init(
        _ snapshot: BooksSnapshot, mintKey: MintKey, in slot: StreamSlots.Slot
    ) throws(BackupProblem) {
        guard let cluster = snapshot.cluster, let mark = snapshot.mark else {
            throw .failed("the copy has no books of a cluster")
        }
        let keys = snapshot.sealingKeys.map { "\($0.number)=\($0.fingerprintText)" }
        let values = [
            SnapshotHeader.cluster: "\(cluster)", SnapshotHeader.position: "\(mark.position)",
            SnapshotHeader.chain: "\(mark.chain)",
            SnapshotHeader.sealingKeys: keys.joined(separator: ", "),
            SnapshotHeader.mintKey: mintKey.fingerprint,
        ]
        var headers: HTTPFields = [
            .contentType: "application/octet-stream", .cacheControl: "no-store",
        ]
        for (name, value) in values {
            if let name = HTTPField.Name(name) { headers[name] = value }
        }
        self.init(
            status: .ok, headers: headers,
            body: ResponseBody(contentLength: snapshot.count) { [slot] writer in
                var offset = 0
                while offset < snapshot.count {
                    let piece = try snapshot.read(at: offset, maximum: Self.pieceLength)
                    try await writer.write(ByteBuffer(bytes: piece))
                    offset += piece.count
                }
                try await writer.finish(nil)
                withExtendedLifetime(slot) {}
            })
    }
}
