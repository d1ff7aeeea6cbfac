import Admin
import ArgumentParser
import Gateway
import Glibc
import Ledger
import Replication

/// Begins the log anew, when it was lost or set back.
struct ClusterAdopt: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "adopt",
        abstract: "Begins the log anew from this node's books, when it was lost or set back.",
        discussion: """
            For the node that has come furthest, while its gateway is stopped. Checks its books, asks the nodes of \
            --peer where they are, and removes what the NATS servers still have of the log: nothing of it is merged. \
            A node that is further, or that was not asked, has to be named with --without: what only its books have \
            is given up. Nodes with the same books go on when they are started again; each other one joins again.

            When the stream of retained messages was lost or set back, it begins anew as well, also if the log itself \
            is whole: then that is all that is done, and no other node is asked. Each node puts into it what it has \
            when it is started again, this one first.

            EXAMPLE: tollgate cluster adopt --peer https://10.0.0.2:8080 --peer https://10.0.0.3:8080 --yes
            EXAMPLE: tollgate cluster adopt --peer https://10.0.0.2:8080 --without n3 --yes
            """)

    @Option(
        help:
            "The API of another node, which is asked where it is: https://HOST:PORT; http:// on this machine alone."
    )
    var peer: [String] = []
    @Option(help: "A node that is not waited for: it can't be asked, or its books are given up.")
    var without: [String] = []
    @Flag(help: "The log goes although it is as long as the books: it has taken another course.")
    var discardLog = false
    @Option(
        help: "The file with a token for the nodes. Default: admin.token of the secrets directory.")
    var tokenFile: String?
    @Option(
        name: .customLong("ca-file"),
        help: "PEM file of the authorities that an https API's certificate must come from.")
    var authorityFile: String?
    @OptionGroup var consent: ConsentOptions
    @OptionGroup var settings: SettingsOptions
    @Option(help: "The directory of the stores; the same as --set data=DIR.") var data: String?
    @Flag(help: "JSON for programs.") var json = false

    func run() async throws {
        let configuration = try settings.load(data: data)
        guard let node = configuration.cluster.name else {
            throw Failure(
                text:
                    "the configuration names no cluster: cluster.node and cluster.servers are needed",
                code: 2)
        }
        let adoption = try Adoption(configuration, of: node)
        let loss = try adoption.retainedLoss()
        if loss != nil, !discardLog, try adoption.isLogWhole() {
            return try adoptRetained(adoption)
        }
        let others = try adoption.others(in: try await sights(configuration), without: without)
        let old = try adoption.old(mayBeWhole: discardLog)
        try confirm(adoption, old)
        try adoption.begin(instead: old)
        if loss != nil || discardLog { try adoption.beginRetained() }
        let adopted = AdoptedLog(adoption, others)
        try json ? Output.json(adopted.document.bytes) : Output.say(adopted.text)
    }

    /// The log is as it has to be: only the stream of retained messages begins anew.
    private func adoptRetained(_ adoption: Adoption) throws(Failure) {
        try confirm(
            "the log is whole; the stream of retained messages begins anew, and what is left of it goes for good"
        )
        try adoption.beginRetained()
        let document: JSON = [
            "cluster": .text("\(adoption.cluster)"), "node": .text(adoption.node.text),
            "retained": .bool(true),
        ]
        try json
            ? Output.json(document.bytes)
            : Output.say(
                "the stream of retained messages of cluster \(adoption.cluster) begins anew; the log is whole\n"
                    + "next: tollgate serve here, then restart the others: each retains anew what it has"
            )
    }

    private func sights(
        _ configuration: GatewayConfiguration
    ) async throws(Failure) -> [ClusterSight] {
        if peer.isEmpty { return [] }
        let token = try PeerToken.read(from: tokenFile, SecretsDirectory(of: configuration))
        var sights: [ClusterSight] = []
        for url in peer {
            do throws(Failure) {
                sights.append(
                    try await PeerNode(
                        url: url, authorityFile: authorityFile, token: token
                    ).ask())
            } catch {
                throw Failure(
                    text: "\(url): \(error.text). Say --without NODE instead if it can't be asked")
            }
        }
        return sights
    }

    private func confirm(_ adoption: Adoption, _ old: Adoption.OldLog?) throws(Failure) {
        let loss = old.map { "the log that is there, up to entry \($0.last), goes for good" }
        let begin = "the log begins anew behind entry \(adoption.mark.position)"
        try confirm(loss.map { "\(begin), and \($0)" } ?? begin)
    }

    private func confirm(_ text: String) throws(Failure) {
        if !consent.yes { try ConsentOptions.confirm(text) }
    }
}

/// What has become of the log, and what every node has to do.
private struct AdoptedLog {
    let adoption: Adoption
    let others: [Adoption.Other]

    init(_ adoption: Adoption, _ others: [Adoption.Other]) {
        self.adoption = adoption
        self.others = others
    }

    var document: JSON {
        let nodes = others.map { other -> JSON in
            [
                "name": .text(other.name), "goesOn": .bool(other.standing == .same),
                "position": other.position.map { JSON.integer($0) } ?? JSON.null,
            ]
        }
        return [
            "cluster": .text("\(adoption.cluster)"), "node": .text(adoption.node.text),
            "position": .integer(Int64(clamping: adoption.mark.position)),
            "generation": .integer(Int64(clamping: adoption.generation.number)),
            "nodes": .array(nodes),
        ]
    }

    var text: String {
        let head =
            "the log of cluster \(adoption.cluster) begins anew behind entry \(adoption.mark.position), as generation "
            + "\(adoption.generation.number), from the books of node \(adoption.node)"
        return ([head] + others.map(\.text) + ["next: tollgate serve here, then at the others"])
            .joined(separator: "\n")
    }
}
