import Admin
import ArgumentParser
import Foundation

/// Whether every node has the same books, and whether they balance.
struct ClusterCheck: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Whether every node has the same books, and whether they balance.",
        discussion: """
            Makes a checkpoint in the log, waits until every node has reached it, compares what their books are made \
            of from there on, and checks this node's books (tollgate check). Exit code 0 when all is right; else 1, \
            and what is wrong is named, with what to do.

            EXAMPLE: tollgate cluster check --seconds 30
            """)

    @Option(
        help: "How long nodes are waited for.")
    var seconds = 30
    @OptionGroup var api: APIOptions

    func run() async throws {
        let sight = try await ask()
        var findings: [String] = []
        var reached: (position: Int64, nodes: [String]) = (sight.position, [])
        if sight.isOpen {
            reached = try await compare(&findings)
        } else {
            findings.append(
                "node \(sight.node) takes no commands now: tollgate cluster status says why")
        }
        findings += try await audit()
        if api.json {
            let document: JSON = [
                "same": .bool(findings.isEmpty), "position": .integer(reached.position),
                "nodes": .array(reached.nodes.map { .text($0) }),
                "problems": .array(findings.map { .text($0) }),
            ]
            try Output.json(document.bytes)
        } else if findings.isEmpty {
            let names = reached.nodes.joined(separator: ", ")
            let have = reached.nodes.count == 1 ? "has come" : "have the same books, and have come"
            try Output.say("\(names) \(have) to entry \(reached.position)\nthe books balance")
        }
        for finding in findings where !api.json { Output.complain(finding) }
        if !findings.isEmpty { throw ExitCode(1) }
    }

    private func ask() async throws(Failure) -> ClusterSight {
        guard let document = JSON(parsing: try await api.send(.get, "cluster")) else {
            throw Failure(text: "the answer is not understood")
        }
        return try ClusterSight(document)
    }

    /// Waits for every node at a checkpoint; answers where that was, and which have the same books there.
    private func compare(_ findings: inout [String]) async throws(Failure) -> (Int64, [String]) {
        let made = JSON(parsing: try await api.send(.post, "cluster/checkpoints"))
        guard let position = made?["position"]?.integer else {
            throw Failure(text: "the answer is not understood")
        }
        let deadline = ContinuousClock.now + .seconds(seconds)
        var progress = Progress()
        while true {
            let sight = try await ask()
            let late = sight.members.filter { !$0.isThere(position) }
            guard !late.isEmpty, ContinuousClock.now < deadline else {
                progress.end()
                findings += late.map { $0.lateness(position, seconds) }
                let different = sight.members.filter { $0.agrees == false }
                findings += different.map { $0.difference(from: sight.node) }
                return (
                    position,
                    sight.members.filter { $0.isThere(position) && $0.agrees == true }.map(\.name)
                )
            }
            progress.show("waiting for \(late.map(\.name).joined(separator: ", "))")
            try? await Task.sleep(for: .milliseconds(250))
        }
    }

    private func audit() async throws(Failure) -> [String] {
        let answer = JSON(parsing: try await api.send(.get, "check"))
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
                "node \(name) has not come to entry \(position) within \(seconds) s: it is at \(self.position)\(heard). "
                + "Look at it; if it will not come back: tollgate cluster remove \(name)"
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

/// Takes a node out for good.
struct ClusterRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Takes out a node that will not come back.",
        discussion: """
            Its leases of top-up packs count as used, the imports that it was receiving are abandoned, what it still \
            sends is void, and its name is not used again. Asked of another node than that one. A gateway that comes \
            back joins under another name.

            EXAMPLE: tollgate cluster remove n3 --yes
            """)

    @Argument(help: "The node's name.") var node: String
    @Flag(help: "Does not ask.") var yes = false
    @OptionGroup var api: APIOptions

    func run() async throws {
        try confirm()
        let bytes = try await api.send(.delete, "cluster/nodes/\(node.escaped)")
        guard !api.json, let document = JSON(parsing: bytes) else { return try Output.json(bytes) }
        let ended = document["ended"]?.integer ?? 0
        let cost =
            ended == 0
            ? "it had nothing under way" : "\(ended) of its leases and imports were ended"
        try Output.say("node \(node) is removed for good: \(cost)")
    }

    private func confirm() throws(Failure) {
        if yes { return }
        guard Output.complainsToTerminal, isatty(STDIN_FILENO) == 1 else {
            throw Failure(text: "node \(node) would be removed for good: say --yes", code: 2)
        }
        Output.ask(
            "Remove node \(node) for good? Its leases count as used, its name is not used again. [y/N] "
        )
        guard ["y", "yes"].contains(readLine()?.lowercased()) else {
            throw Failure(text: "nothing was done")
        }
    }
}
