import Foundation
import NATSServers
import Support
import Testing

/// A node's directory, and what tells it who it is.
struct ClusterNode {
    let program: Program
    let arguments: [String]
    private let servers: NATSServers

    init(_ name: String, _ servers: NATSServers) throws {
        self.servers = servers
        program = try Program()
        let password = program.directory.appending(path: "nats.password")
        try Data("correct horse\n".utf8).write(to: password)
        arguments = [
            "cluster.node=\(name)", "cluster.servers=\(servers.urls.joined(separator: " "))",
            "cluster.user=tollgate", "cluster.passwordFile=nats.password",
            "cluster.replicas=\(servers.count)",
        ].flatMap { ["--set", $0] }
    }

    /// On the same servers.
    init(_ name: String, _ other: ClusterNode) throws { try self.init(name, other.servers) }

    func serve() throws -> Serving { try Serving(program, arguments) }

    func join(_ rest: String...) throws -> Program.Result {
        try program.run(["cluster", "join"] + rest + arguments)
    }

    /// From the node that serves, by its token.
    func join(_ peer: Serving) throws -> Program.Result {
        let token = "\(peer.program.directory.path)/data/admin.token"
        return try join("--from", peer.api, "--token-file", token)
    }

    func copySecrets(of other: ClusterNode, _ names: [String]) throws {
        let target = program.directory.appending(path: "data.secrets")
        let files = FileManager.default
        try files.createDirectory(at: target, withIntermediateDirectories: true)
        for name in names {
            try? files.removeItem(at: target.appending(path: name))
            try files.copyItem(
                at: other.program.directory.appending(path: "data.secrets/\(name)"),
                to: target.appending(path: name))
        }
    }
}

extension Serving {
    /// An account, codes, and a product `lamp` with six devices, d1 to d6.
    func furnishLamps(otaPerMonth: Int = 1) throws {
        for command in [
            ["account", "create", "--id", "acme", "--name", "Acme"],
            [
                "package", "create", "--id", "basic", "--name", "Basic", "--validity-days", "30",
                "--ota-per-month", "\(otaPerMonth)",
            ],
            ["product", "create", "--pk", "lamp", "--name", "Lamp", "--account", "acme"],
            [
                "codes", "buy", "acme", "--package", "basic", "--quantity", "7", "--product",
                "lamp",
            ],
        ] {
            let result = try run(command)
            #expect(result.code == 0, "\(result.errors)")
        }
        let rows = "dk,secret\n" + (1...6).map { "d\($0),s\($0)\n" }.joined()
        #expect(try run(["device", "import", "lamp", "-"], input: rows).code == 0)
    }

    /// Waits until a verb's output has that text.
    func awaits(_ text: String, _ verb: [String]) throws -> Bool {
        try Patience.awaits { try run(verb).output.contains(text) }
    }
}
