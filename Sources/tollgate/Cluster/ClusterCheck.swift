import Admin
import ArgumentParser

/// Whether every node has the same books, and whether they balance.
struct ClusterCheck: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Whether every node has the same books, and whether they balance.",
        discussion: """
            Makes a checkpoint in the log, waits until every node has said what its books were there, and compares \
            that table by table. Each node reads all of its books for it, and looks whether they balance; what is wrong \
            with those of the node that is asked is said in words (tollgate check). Exit code 0 when all is right; else \
            1, and what is wrong is named, with what to do.

            EXAMPLE: tollgate cluster check --seconds 30
            """)

    @Option(
        help: "How long nodes are waited for.")
    var seconds = 30
    @OptionGroup var place: GatewayPlace

    func run() async throws {
        let sight = try await ask()
        var findings: [String] = []
        var comparison = Comparison(position: sight.position, nodes: [])
        if sight.isOpen {
            comparison = try await compare(&findings)
        } else {
            findings.append(
                "node \(sight.node) takes no commands now: tollgate cluster status says why")
        }
        findings += try await audit()
        if place.api.json {
            try Output.json(comparison.document(findings).bytes)
        } else if findings.isEmpty {
            let names = comparison.nodes.map(\.name)
            let have = names.count == 1 ? "has come" : "have the same books, and have come"
            try Output.say(
                "\(names.joined(separator: ", ")) \(have) to entry \(comparison.position)\n"
                    + comparison.text + "the books balance")
        }
        for finding in findings where !place.api.json { Output.complain(finding) }
        if !findings.isEmpty { throw ExitCode(1) }
    }

    private func ask() async throws(Failure) -> ClusterSight {
        guard let document = JSON(parsing: try await place.client().send(.get, "cluster")) else {
            throw Failure(text: "the answer is not understood")
        }
        return try ClusterSight(document)
    }

    /// Waits until every node has said what its books were at a checkpoint; answers which have said the same.
    private func compare(_ findings: inout [String]) async throws(Failure) -> Comparison {
        let made = JSON(parsing: try await place.client().send(.post, "cluster/checkpoints"))
        guard let position = made?["position"]?.integer else {
            throw Failure(text: "the answer is not understood")
        }
        let deadline = ContinuousClock.now + .seconds(seconds)
        var progress = Progress()
        while true {
            let sight = try await ask()
            let comparison = try await digests(of: sight.members.map(\.name), from: position)
            let said = Set(comparison.nodes.map(\.name))
            let late = sight.members.filter {
                !$0.isThere(position) || !said.contains($0.name)
            }
            guard !late.isEmpty || !comparison.isOfOnePlace, ContinuousClock.now < deadline else {
                progress.end()
                findings += late.map { $0.lateness(position, seconds) }
                let different = sight.members.filter { $0.agrees == false }
                findings += different.map { $0.difference(from: sight.node) }
                findings += comparison.findings
                return comparison
            }
            progress.show("waiting for \(late.map(\.name).joined(separator: ", "))")
            try? await Task.sleep(for: .milliseconds(250))
        }
    }

    /// What those nodes have said of their books at the checkpoint there, or at one behind it.
    private func digests(
        of members: [String], from position: Int64
    ) async throws(Failure) -> Comparison {
        let answer = JSON(parsing: try await place.client().send(.get, "cluster/checkpoints"))
        guard let nodes = answer?["nodes"]?.array else {
            throw Failure(text: "the answer is not understood")
        }
        let known = nodes.compactMap(Comparison.Node.init)
        return Comparison(
            position: position,
            nodes: known.filter { $0.position >= position && members.contains($0.name) })
    }

    /// What is wrong with the books of the node that is asked, in words.
    private func audit() async throws(Failure) -> [String] {
        let answer = JSON(parsing: try await place.client().send(.get, "check"))
        guard let problems = answer?["problems"]?.array else {
            throw Failure(text: "the answer is not understood")
        }
        return problems.compactMap(\.text)
    }
}

extension ClusterSight {
    /// A node, as another one has seen it.
    struct Member {
        let name: String
        let position: Int64
        let agrees: Bool?
        let silentSeconds: Int64?

        func isThere(_ position: Int64) -> Bool { self.position >= position && agrees != nil }

        func lateness(_ position: Int64, _ seconds: Int) -> String {
            let heard = silentSeconds.map { ", and was last heard of \($0) s ago" } ?? ""
            return
                "node \(name) has not said what its books were at entry \(position) within \(seconds) s: it is at "
                + "\(self.position)\(heard). Large books need longer (--seconds). Look at it; if it will not come back: tollgate cluster remove \(name)"
        }

        func difference(from other: String) -> String {
            "nodes \(name) and \(other) have different books: run `tollgate check` on both; move the ledger directory "
                + "of the one that is wrong away, and join it again"
        }
    }

    /// Those that were not removed.
    var members: [Member] {
        nodes.filter { $0["removed"]?.bool != true }.map { node in
            Member(
                name: node["name"]?.text ?? "?", position: node["position"]?.integer ?? 0,
                agrees: node["agrees"]?.bool, silentSeconds: node["silentSeconds"]?.integer)
        }
    }
}
