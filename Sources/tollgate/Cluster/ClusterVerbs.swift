import Admin
import ArgumentParser
import Gateway

/// Several gateways with the same books.
struct ClusterVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster",
        abstract: "Several gateways with the same books.",
        discussion: """
            The configuration's section `cluster` names this node and the NATS servers of the log. The first node \
            begins the cluster (join --found), each other one takes its books from a node (join --from). When the log \
            itself is lost, it is begun anew from the books that are furthest (adopt).
            """,
        subcommands: [
            ClusterStatus.self, ClusterCheck.self, ClusterJoin.self, ClusterRemove.self,
            ClusterAdopt.self,
        ])
}

/// How a node sees its cluster.
struct ClusterStatus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "How far each node has applied the log, and whether the log may be relied on.",
        discussion: """
            Asks one node: whether it reaches each other one now (NO, and for how many seconds it has heard nothing), \
            and what the log has told it of them. How far a node is, it says with each of its own commands, and an \
            idle one now and then; `check` asks them.

            EXAMPLE: tollgate cluster status --api http://127.0.0.1:8080
            """)

    @OptionGroup var place: GatewayPlace

    func run() async throws {
        let client = try place.client()
        let bytes = try await client.send(.get, "cluster")
        guard client.form == .table, let document = JSON(parsing: bytes) else {
            return try Output.json(bytes)
        }
        try Output.say(try ClusterSight(document).text)
    }
}

/// What a node has answered about its cluster.
struct ClusterSight {
    let document: JSON

    init(_ document: JSON) throws(Failure) {
        guard document["cluster"]?.text != nil, document["nodes"]?.array != nil else {
            throw Failure(text: "the answer is not understood")
        }
        self.document = document
    }

    var cluster: String { document["cluster"]?.text ?? "" }
    var node: String { document["node"]?.text ?? "" }
    var position: Int64 { document["position"]?.integer ?? 0 }
    var nodes: [JSON] { document["nodes"]?.array ?? [] }

    /// Whether it takes commands now.
    var isOpen: Bool {
        document["phase"]?.text == "open" && document["logReliable"]?.bool == true
    }

    /// For people.
    var text: String {
        var lines = [
            "node \(node) of cluster \(cluster)",
            "\(phase), at entry \(position) of the log\(behind)",
        ]
        if let doubt = document["logDoubt"]?.text {
            lines.append("the log can't be relied on: \(doubt)")
        }
        if let trouble = document["trouble"]?.text, trouble != document["logDoubt"]?.text {
            lines.append("does not go on now: \(trouble)")
        }
        let waiting = document["waitingCommands"]?.integer ?? 0
        if waiting > 0 { lines.append("\(waiting) commands wait for the log") }
        return (lines + [""] + table).joined(separator: "\n")
    }

    private var phase: String {
        switch document["phase"]?.text {
        case "open": "takes commands"
        case "joining": "catches up"
        case let other: "has \(other ?? "?"): \(document["why"]?.text ?? "?")"
        }
    }

    private var behind: String {
        let lag = document["lagEntries"]?.integer ?? 0
        return lag > 0 ? ", \(lag) behind its end" : ""
    }

    private var table: [String] {
        let rows =
            [["NODE", "ENTRY", "CHAIN", "BEHIND", "REACHABLE", "SAME BOOKS", "SESSIONS ALSO"]]
            + nodes.map(row)
        let widths = rows[0].indices.map { column in
            rows.map { TextWidth.columns($0[column]) }.max() ?? 0
        }
        return rows.map { row in
            let cells = zip(row, widths).map { TextWidth.padded($0, to: $1) }
            return String(cells.joined(separator: "  ").trimmingSuffix { $0 == " " })
        }
    }

    private func row(_ node: JSON) -> [String] {
        let name = node["name"]?.text ?? "?"
        let isRemoved = node["removed"]?.bool == true
        let agrees =
            node["agrees"]?.bool.map { $0 ? "yes" : "NO" } ?? (isRemoved ? "removed" : "not known")
        return [
            name, node["position"]?.integer.map { "\($0)" } ?? "-", node["chain"]?.text ?? "-",
            node["lagEntries"]?.integer.map { "\($0)" } ?? "-",
            name == self.node ? "this node" : Self.reach(of: node), agrees,
            Self.sessions(of: node),
        ]
    }

    /// From this node. `-` of one that was removed, or when the gateway does not say it.
    private static func reach(of node: JSON) -> String {
        guard let isReachable = node["reachable"]?.bool else { return "-" }
        let silence = node["heardSeconds"]?.integer.map { ", \($0) s" } ?? ""
        return isReachable ? "yes" : "NO\(silence)"
    }

    private static func sessions(of node: JSON) -> String {
        guard let other = node["sessionsKeptBy"]?.text else { return "-" }
        return node["sessionsTakenOver"]?.bool == true ? "now at \(other)" : "at \(other)"
    }
}

extension String {
    fileprivate func trimmingSuffix(_ isLeftOut: (Character) -> Bool) -> Substring {
        var text = self[...]
        while let last = text.last, isLeftOut(last) { text.removeLast() }
        return text
    }
}
