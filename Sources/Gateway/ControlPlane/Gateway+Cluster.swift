public import Ledger
import Linux
import Sessions
public import Storage
import Telemetry
import Time

extension Gateway {
    /// How far behind the log a node may be and still be called ready, in milliseconds.
    private static var behindMaximumMilliseconds: Int64 { 15_000 }

    public func cluster() throws(StoreError) -> ClusterReport? {
        try clusterWatch?.report(on: ledger, at: now, commons.neighbours?.reaches)
    }

    public func snapshot() async throws(BackupProblem) -> BooksSnapshot {
        let backups = backups
        let result = await withCheckedContinuation { continuation in
            let body: @Sendable () -> Void = {
                continuation.resume(
                    returning: Result { () throws(BackupProblem) in try backups.snapshot() })
            }
            do throws(Errno) {
                _ = try Thread(name: "snapshot", body: body)
            } catch {
                continuation.resume(
                    returning: .failure(.failed("starting a thread: \(error)")))
            }
        }
        return try result.get()
    }

    func clusterProblem() -> String? {
        do throws(StoreError) {
            return try cluster()?.problem(behindMaximumMilliseconds: Self.behindMaximumMilliseconds)
        } catch {
            return "\(error)"
        }
    }

    func writeCluster(into page: inout PrometheusText) {
        guard let report = try? cluster() else { return }
        let standing = report.standing
        let gauges: [(name: String, help: String, value: UInt64)] = [
            (
                "position", "How far the log of the cluster was applied here.",
                standing.mark.position
            ),
            ("lag_entries", "Entries of the log that were not applied here yet.", report.lag ?? 0),
            (
                "waiting_commands", "Commands that wait for the log of the cluster.",
                UInt64(standing.waiting)
            ),
            (
                "log_reliable", "Whether the log of the cluster may be relied on.",
                report.doubt == nil ? 1 : 0
            ),
        ]
        for gauge in gauges {
            page.begin("tollgate_cluster_\(gauge.name)", help: gauge.help, kind: .gauge)
            page.sample(gauge.value)
        }
        page.begin(
            "tollgate_cluster_phase", help: "1 for what the node does with the log now, else 0.",
            kind: .gauge)
        for name in ClusterStanding.Phase.names {
            page.sample(
                name == standing.phase.name ? 1 : 0, labels: [PrometheusLabel("phase", name)])
        }
        if let leader = commons.sessionLeader {
            page.begin(
                "tollgate_cluster_sessions_followed",
                help: "Whether another node has this one's stored sessions, too.", kind: .gauge)
            page.sample(leader.standing.phase == .following ? 1 : 0)
        }
        if let figures = try? sessions.figures() {
            page.begin(
                "tollgate_cluster_forwards",
                help: "Messages that are kept for other nodes until they have them.", kind: .gauge)
            page.sample(figures.forwards)
        }
        let others = report.members.filter { $0.node != report.node && !$0.isRemoved }
        page.begin(
            "tollgate_cluster_peer_position",
            help: "How far another node had applied the log when it was last heard of.",
            kind: .gauge
        )
        for member in others {
            page.sample(member.position, labels: [PrometheusLabel("node", member.node.text)])
        }
        page.begin(
            "tollgate_cluster_peer_reachable",
            help: "Whether another node can be reached now, over the link to it.", kind: .gauge)
        for member in others {
            guard let isReachable = member.isReachable else { continue }
            page.sample(isReachable ? 1 : 0, labels: [PrometheusLabel("node", member.node.text)])
        }
        page.begin(
            "tollgate_cluster_peer_agrees",
            help: "Whether another node had the same books there.", kind: .gauge)
        for member in others {
            guard let agrees = member.agrees else { continue }
            page.sample(agrees ? 1 : 0, labels: [PrometheusLabel("node", member.node.text)])
        }
    }
}

extension ClusterReport {
    /// Why the node takes no new work; `nil` when it does.
    func problem(behindMaximumMilliseconds: Int64) -> String? {
        switch standing.phase {
        case .stopped(let why): return why
        case .joining:
            if let doubt { return "the log can't be relied on: \(doubt)" }
            let end = end.map { " of \($0)" } ?? ""
            return "the log is being caught up with: entry \(standing.mark.position)\(end)"
        case .open:
            if let doubt { return "the log can't be relied on: \(doubt)" }
            guard let behindMilliseconds, behindMilliseconds > behindMaximumMilliseconds else {
                return nil
            }
            return "\(behindMilliseconds / 1_000) s behind the log"
        }
    }
}

extension ClusterStanding.Phase {
    /// For programs.
    public var name: String {
        switch self {
        case .joining: "joining"
        case .open: "open"
        case .stopped: "stopped"
        }
    }

    public static let names = ["joining", "open", "stopped"]
}
