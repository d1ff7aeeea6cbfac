import Foundation
import Processes
import NATSServers
import Support
import Testing

/// Several gateways with the same books, by the program alone, on NATS servers of the test's own.
@Suite("A cluster by the program", .waits)
struct ClusterTests {
    @Test("found, joined over HTTP, the same books at each node, checked, a node removed for good")
    func life() throws {
        let servers = try NATSServers(3)
        let (first, second) = (try ClusterNode("n1", servers), try ClusterNode("n2", servers))
        defer { for node in [first, second] { node.program.remove() } }
        let lost = try first.program.run(["serve"] + first.arguments)
        #expect(lost.code == 1 && lost.errors.contains("tollgate cluster join --found"), "\(lost)")
        let founded = try first.join("--found")
        #expect(founded.code == 0, "\(founded.errors)")
        #expect(founded.output.hasPrefix("node n1 of cluster "))
        let other = try second.join("--found")
        #expect(
            other.code == 1 && other.errors.contains("already: join that one with --from"),
            "\(other)")
        try FileManager.default.removeItem(
            at: second.program.directory.appending(path: "data.secrets"))
        let one = try first.serve()
        try one.furnishLamps()
        try join(second, to: one, of: first)
        let two = try second.serve()
        #expect(try two.run(["device", "activate", "lamp", "d2"]).code == 0)
        #expect(try one.run(["device", "activate", "lamp", "d1"]).code == 0)
        for serving in [one, two] {
            let show = ["product", "show", "lamp", "--json"]
            #expect(try serving.awaits("\"consumed\":2", show))
        }
        try look(at: one, two)
        #expect(two.end() == 0)
        try refuseWrongSecrets(second, of: first)
        try remove(second, at: one)
        try startWithoutLog(first, one, servers)
    }

    /// First without the secrets, then with a wrong one.
    private func join(_ second: ClusterNode, to one: Serving, of first: ClusterNode) throws {
        let open = try second.join(
            "--from", "http://192.0.2.1:8080", "--token-file",
            "\(one.program.directory.path)/data/admin.token")
        #expect(open.code == 2 && open.errors.contains("in the clear"), "\(open)")
        let bare = try second.join(one)
        #expect(bare.code == 1)
        #expect(bare.errors.contains("data.secrets/device-secrets.key is missing, and "), "\(bare)")
        #expect(bare.errors.contains("mint.key is missing, and "))
        #expect(bare.errors.contains("ticket.key is missing: copy"))
        try second.copySecrets(of: first, ["device-secrets.key", "mint.key", "ticket.key"])
        let mint = second.program.directory.appending(path: "data.secrets/mint.key")
        try Data("0123456789abcdef0123456789abcdef\n".utf8).write(to: mint)
        let wrong = try second.join(one)
        #expect(wrong.code == 1 && wrong.errors.contains("mint.key is not the cluster's: copy"))
        try second.copySecrets(of: first, ["mint.key"])
        let joined = try second.join(one)
        #expect(joined.code == 0, "\(joined.errors)")
        let again = try second.join(one)
        #expect(again.code == 1 && again.errors.contains("has books already"), "\(again)")
        let files = try FileManager.default.contentsOfDirectory(
            atPath: second.program.directory.appending(path: "data/ledger").path)
        #expect(files == ["data.mdb"])
    }

    /// The first word of that column.
    private func reach(of node: String, from serving: Serving) throws -> Substring? {
        let status = try serving.run(["cluster", "status"]).output
        let row = status.split(separator: "\n").first { $0.hasPrefix("\(node)  ") }
        return row?.split(separator: " ").dropFirst(4).first
    }

    /// At each start.
    private func refuseWrongSecrets(_ node: ClusterNode, of first: ClusterNode) throws {
        for name in ["mint.key", "ticket.key"] {
            let file = node.program.directory.appending(path: "data.secrets/\(name)")
            for isThere in [true, false] {
                let text =
                    isThere
                    ? String(repeating: "0123456789abcdef", count: name == "mint.key" ? 2 : 4)
                        + "\n"
                    : nil
                try FileManager.default.removeItem(at: file)
                try text.map { try Data($0.utf8).write(to: file) }
                let start = try node.program.run(
                    ["serve", "--config", "tollgate.yaml"] + node.arguments)
                #expect(start.code == 1, "\(start)")
                let words = start.errors.split(separator: "\n").last { $0.contains(name) } ?? ""
                #expect(words.hasPrefix("tollgate: "), "\(start)")
                #expect(!words.contains("Failure("), "\(words)")
                #expect(words.contains("copy it from a"), "\(words)")
                try node.copySecrets(of: first, [name])
            }
        }
    }

    private func look(at one: Serving, _ two: Serving) throws {
        #expect(try Patience.awaits { try reach(of: "n2", from: one) == "yes" })
        let status = try two.run(["cluster", "status"])
        #expect(status.code == 0 && status.output.hasPrefix("node n2 of cluster "), "\(status)")
        #expect(status.output.split(separator: "\n").allSatisfy { $0.count <= 80 })
        let check = try one.run(["cluster", "check"])
        #expect(check.code == 0, "\(check)")
        #expect(check.output.contains("n1, n2 have the same books"))
        let tables = check.output.split(separator: "\n").filter { $0.contains("  same") }
        #expect(tables.count > 40, "\(check)")
        #expect(tables.contains { $0.hasPrefix("  devices  ") })
        let top = try one.run(["top", "--once"])
        let lines = top.output.split(separator: "\n")
        #expect(lines.allSatisfy { $0.count <= 80 })
        let rows = lines.drop { !$0.hasPrefix("NODE ") }.prefix(3)
        #expect(rows.map { $0.prefix { $0 != " " } } == ["NODE", "n1", "n2"], "\(top)")
        #expect(rows.dropFirst().allSatisfy { $0.contains(" 0 ") }, "\(top)")
    }

    private func remove(_ second: ClusterNode, at one: Serving) throws {
        #expect(try Patience.awaits { try reach(of: "n2", from: one) == "NO," })
        let asked = try one.run(["cluster", "remove", "n2"])
        #expect(asked.code == 2 && asked.errors.contains("--yes"), "\(asked)")
        let unknown = try one.run(["cluster", "remove", "n9", "--yes"])
        #expect(unknown.code == 1 && unknown.errors.contains("unknown-node"), "\(unknown)")
        let removed = try one.run(["cluster", "remove", "n2", "--yes"])
        #expect(removed.code == 0, "\(removed.errors)")
        #expect(removed.output.hasPrefix("node n2 is removed"))
        // It hears of that from the log, and serves what its books know; the next time it knows.
        let late = try second.serve()
        #expect(try late.awaits("was removed from the cluster", ["cluster", "status"]))
        let refused = try late.run(["device", "activate", "lamp", "d3"])
        #expect(refused.code == 1, "\(refused)")
        #expect(late.end() == 0)
        let last = try second.program.run(
            ["serve", "--config", "tollgate.yaml"] + second.arguments)
        #expect(last.code == 1 && last.errors.contains("was removed from the cluster"), "\(last)")
    }

    private func startWithoutLog(_ first: ClusterNode, _ one: Serving, _ servers: NATSServers)
        throws
    {
        #expect(one.end() == 0)
        let alone = try first.program.run(["serve", "--config", "tollgate.yaml"])
        #expect(alone.code == 1 && alone.errors.contains("has no cluster section"), "\(alone)")
        try servers.stopAll()
        let away = try first.serve()
        #expect(away.errors.contains("what the books know is served"))
        #expect(try away.run(["device", "show", "lamp", "d1"]).output.contains("active"))
        let status = try away.run(["cluster", "status"])
        #expect(status.output.contains("the log can't be relied on"), "\(status)")
        try servers.startAll()
        #expect(try away.awaits("takes commands", ["cluster", "status"]))
        #expect(try away.run(["device", "activate", "lamp", "d3"]).code == 0)
        #expect(away.end() == 0)
    }

    @Test(
        "A8: an idempotent write that is sent to two nodes at once is made once, and has one answer"
    )
    func idempotent() throws {
        let servers = try NATSServers(1)
        let (first, second) = (try ClusterNode("n1", servers), try ClusterNode("n2", servers))
        defer { for node in [first, second] { node.program.remove() } }
        #expect(try first.join("--found").code == 0)
        let one = try first.serve()
        try one.furnishLamps()
        try second.copySecrets(
            of: first, ["device-secrets.key", "mint.key", "ticket.key", "admin.token"])
        #expect(try second.join(one).code == 0)
        let two = try second.serve()
        let requests = [
            ["key", "create", "--name", "app"],
            ["codes", "buy", "acme", "--package", "basic", "--quantity", "1", "--product", "lamp"],
            ["account", "create", "--name", "Sub"],
        ]
        for (number, request) in requests.enumerated() {
            var answers: Set<Data> = []
            for round in 0..<6 {
                let key = ["--idempotency-key", "k\(number)-\(round)", "--json"]
                let asked = try [one, two].map { try ask(request + key, $0) }
                let texts = try asked.map { process, file in
                    process.waitUntilExit()
                    #expect(process.terminationStatus == 0)
                    return try Data(contentsOf: file)
                }
                #expect(!texts[0].isEmpty && texts[0] == texts[1], "\(request)")
                answers.insert(texts[0])
            }
            #expect(answers.count == 6, "\(request)")
        }
        // Seven were bought before.
        for serving in [one, two] {
            let show = ["product", "show", "lamp", "--json"]
            #expect(try serving.awaits("\"assigned\":13", show))
        }
        let check = try two.run(["cluster", "check"])
        #expect(check.code == 0, "\(check)")
        for serving in [one, two] { #expect(serving.end() == 0) }
    }

    /// Begins a verb; its answer comes into the file.
    private func ask(_ arguments: [String], _ serving: Serving) throws -> (ExternalProcess, URL) {
        let file = serving.program.directory.appending(path: UUID().uuidString)
        _ = FileManager.default.createFile(atPath: file.path, contents: nil)
        let process = serving.program.process(arguments, ["TOLLGATE_API": serving.api])
        process.standardOutput = try FileHandle(forWritingTo: file)
        process.standardInput = FileHandle.nullDevice
        try process.run()
        return (process, file)
    }

    @Test("a server that does not sync each entry is refused, in one line that says why")
    func careless() throws {
        var options = NATSServers.Options()
        options.syncInterval = "2m"
        let servers = try NATSServers(1, options)
        let node = try ClusterNode("n1", servers)
        defer { node.program.remove() }
        let result = try node.join("--found")
        #expect(result.code == 1 && result.errors.contains("`sync_interval: always`"), "\(result)")
        #expect(result.errors.split(separator: "\n").count == 1)
    }

    @Test("verbs of a cluster say what is missing, and help has an example of each")
    func usage() throws {
        let program = try Program()
        defer { program.remove() }
        let neither = try program.run(["cluster", "join"])
        #expect(neither.code == 2 && neither.errors.contains("--from URL"))
        let unnamed = try program.run(["cluster", "join", "--found"])
        #expect(unnamed.code == 2 && unnamed.errors.contains("cluster.node"), "\(unnamed)")
        for verb in ["status", "check", "join", "remove", "adopt"] {
            let help = try program.run(["help", "cluster", verb])
            #expect(help.code == 0 && help.output.contains("EXAMPLE"), "\(verb)")
        }
        let serving = try Serving(program)
        let alone = try serving.run(["cluster", "status"])
        #expect(alone.code == 1 && alone.errors.contains("not-clustered"))
        #expect(serving.end() == 0)
    }
}
