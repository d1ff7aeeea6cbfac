import Admin
import ArgumentParser
import Gateway

/// Makes a data directory a node's.
struct ClusterJoin: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "join",
        abstract: "Makes the data directory a node's: with the books of a peer, or as the first.",
        discussion: """
            With --from, the books are copied from a node that runs, checked, and put in their place; the data \
            directory must have none, and the secrets directory the peer's device-secrets.key, mint.key and \
            ticket.key, which you copy. With --found, the log is made in the NATS servers that the configuration names, and books \
            that are here already, of a gateway alone, become the cluster's. Either way the gateway is stopped; \
            `tollgate serve` comes next.

            EXAMPLE: tollgate cluster join --found --config tollgate.yaml
            EXAMPLE: tollgate cluster join --from https://10.0.0.1:8080 --ca-file ca.pem --token-file owner.token
            """)

    @Option(
        help:
            "The API of a node whose books are taken: https://HOST:PORT; http:// on this machine alone."
    )
    var from: String?
    @Flag(help: "Begins a cluster.") var found = false
    @Option(
        name: .customLong("ca-file"),
        help: "PEM file of the authorities that an https API's certificate must come from.")
    var authorityFile: String?
    @Option(
        help:
            "The file with the peer's owner's token. Default: admin.token of the secrets directory."
    )
    var tokenFile: String?
    @OptionGroup var settings: SettingsOptions
    @Option(help: "The directory of the stores; the same as --set data=DIR.") var data: String?
    @Flag(help: "JSON for programs.") var json = false

    func validate() throws {
        guard (from != nil) != found else {
            throw ValidationError("Say either --from URL, a node to take the books of, or --found.")
        }
    }

    func run() async throws {
        let configuration = try settings.load(data: data)
        guard configuration.cluster.name != nil else {
            throw Failure(
                text:
                    "the configuration names no cluster: cluster.node and cluster.servers are needed",
                code: 2)
        }
        let joined: JoinedCluster
        if let from {
            let token = try PeerToken.read(from: tokenFile, SecretsDirectory(of: configuration))
            let peer = try PeerNode(url: from, authorityFile: authorityFile, token: token)
            joined = try await Joining(configuration, of: peer).join()
        } else {
            joined = try Founding(configuration).found()
        }
        try json ? Output.json(joined.document.bytes) : Output.say(joined.text)
    }
}

/// What a data directory has become.
struct JoinedCluster {
    let cluster: String
    let node: String
    let position: UInt64
    let events: UInt64

    var document: JSON {
        [
            "cluster": .text(cluster), "node": .text(node),
            "position": .integer(Int64(clamping: position)),
            "events": .integer(Int64(clamping: events)),
        ]
    }

    var text: String {
        """
        node \(node) of cluster \(cluster)
        its books have \(events) events, up to entry \(position) of the log
        next: tollgate serve, with the same configuration
        """
    }
}
