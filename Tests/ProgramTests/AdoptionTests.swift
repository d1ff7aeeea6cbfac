import Foundation
import NATSServers
import Processes
import Support
import Testing

/// The log is lost, or an earlier one was put back: nodes stop, and a node's books begin another one.
@Suite("A log that was lost, by the program", .serialized, .waits)
struct AdoptionTests {
    enum Loss: String, CaseIterable {
        case lost, setBack
    }

    private struct Places {
        let servers: NATSServers
        let copy: URL

        init(_ servers: NATSServers) {
            self.servers = servers
            copy = URL(filePath: NSTemporaryDirectory()).appending(path: "log-\(UUID().uuidString)")
        }

        /// What the servers have by now, all of them stopped meanwhile.
        func keep() throws {
            try servers.stopAll()
            let files = FileManager.default
            try files.createDirectory(at: copy, withIntermediateDirectories: true)
            for index in 0..<servers.count {
                try files.copyItem(
                    atPath: servers.store(index), toPath: copy.appending(path: "\(index)").path)
            }
            try servers.startAll()
        }

        func lose(_ loss: Loss) throws {
            try servers.stopAll(kill: true)
            for index in 0..<servers.count {
                try FileManager.default.removeItem(atPath: servers.store(index))
                guard loss == .setBack else { continue }
                try FileManager.default.copyItem(
                    atPath: copy.appending(path: "\(index)").path, toPath: servers.store(index))
            }
            try servers.startAll()
        }

        func remove() { try? FileManager.default.removeItem(at: copy) }
    }

    private static let status = ["cluster", "status"]

    private func activate(_ device: String, _ serving: Serving) throws {
        let result = try serving.run(["device", "activate", "lamp", device])
        #expect(result.code == 0, "\(device): \(result.errors)")
    }

    @Test(
        "nodes stop and say why; from the books that are furthest the log begins anew, and no code goes twice",
        arguments: Loss.allCases)
    func adopted(_ loss: Loss) throws {
        let servers = try NATSServers(3)
        let places = Places(servers)
        let nodes = try ["n1", "n2", "n3"].map { try ClusterNode($0, servers) }
        defer {
            for node in nodes { node.program.remove() }
            places.remove()
        }
        #expect(try nodes[0].join("--found").code == 0)
        let one = try nodes[0].serve()
        try one.furnishLamps()
        for node in nodes.dropFirst() {
            try node.copySecrets(of: nodes[0], ["device-secrets.key", "mint.key", "ticket.key"])
            let joined = try node.join(one)
            #expect(joined.code == 0, "\(joined.errors)")
        }
        let (two, three) = (try nodes[1].serve(), try nodes[2].serve())
        try activate("d1", three)
        let application = try RetainingApplication(of: one)
        #expect(try application.retain("plant/1", "old", at: two) == 0)
        try places.keep()
        for serving in [one, two, three] {
            #expect(try serving.awaits("takes commands", Self.status))
        }
        #expect(three.end() == 0)
        #expect(try application.retain("plant/1", "new", at: one) == 0)
        try activate("d2", one)
        try activate("d3", two)
        // Both have all of it.
        for serving in [one, two] {
            #expect(
                try serving.awaits("\"consumed\":3", ["product", "show", "lamp", "--json"]))
        }
        try places.lose(loss)
        for serving in [one, two] {
            #expect(try serving.awaits("it was lost or set back", Self.status))
            #expect(try serving.run(["device", "activate", "lamp", "d4"]).code == 1)
            #expect(try serving.run(["device", "show", "lamp", "d3"]).output.contains("active"))
        }
        try adopt(nodes, one, two, loss)
        try goOn(nodes, application)
    }

    /// Not while the gateway runs, not from books that are behind, not without having asked.
    private func adopt(
        _ nodes: [ClusterNode], _ one: Serving, _ two: Serving, _ loss: Loss
    ) throws {
        let token = "\(two.program.directory.path)/data/admin.token"
        // A log that was set back may have grown since, by nodes that had not noticed.
        let peer =
            ["--peer", two.api, "--token-file", token]
            + (loss == .setBack ? ["--discard-log"] : [])
        let open = try nodes[0].adopt(peer)
        #expect(open.code == 1 && open.errors.contains("stop it first"), "\(open)")
        #expect(one.end() == 0)
        let behind = try nodes[2].adopt(peer + ["--without", "n1", "--yes"])
        #expect(behind.code == 1 && behind.errors.contains("node n2 is further"), "\(behind)")
        let unasked = try nodes[0].adopt(peer + ["--yes"])
        #expect(unasked.code == 1 && unasked.errors.contains("node n3 was not asked"), "\(unasked)")
        let unsure = try nodes[0].adopt(peer + ["--without", "n3"])
        #expect(unsure.code == 2 && unsure.errors.contains("say --yes"), "\(unsure)")
        let adopted = try nodes[0].adopt(peer + ["--without", "n3", "--yes"])
        #expect(adopted.code == 0, "\(adopted.errors)")
        #expect(adopted.output.contains("as generation 2"), "\(adopted.output)")
        #expect(adopted.output.contains("node n2 has the same books"), "\(adopted.output)")
        let again = try nodes[0].adopt(peer + ["--without", "n3", "--yes"])
        #expect(again.code == 1 && again.errors.contains("was begun anew already"), "\(again)")
        #expect(two.end() == 0)
    }

    private func goOn(_ nodes: [ClusterNode], _ application: RetainingApplication) throws {
        let (one, two) = (try nodes[0].serve(), try nodes[1].serve())
        for serving in [one, two] {
            #expect(try application.awaits(["plant/1": "new"], at: serving))
        }
        #expect(try application.retain("plant/2", "x", at: two) == 0)
        try activate("d4", one)
        try activate("d5", two)
        let late = try nodes[2].serve()
        #expect(try late.awaits("the log was begun anew behind entry", Self.status))
        #expect(try late.run(["device", "activate", "lamp", "d6"]).code == 1)
        #expect(late.end() == 0)
        // Under another name, as its own was heard of a minute ago.
        #expect(try one.run(["cluster", "remove", "n3", "--yes"]).code == 0)
        let fourth = try ClusterNode("n4", nodes[0])
        defer { fourth.program.remove() }
        try fourth.copySecrets(of: nodes[0], ["device-secrets.key", "mint.key", "ticket.key"])
        let joined = try fourth.join(one)
        #expect(joined.code == 0, "\(joined.errors)")
        let three = try fourth.serve()
        try activate("d6", three)
        let check = try one.run(["cluster", "check"])
        #expect(check.code == 0, "\(check)")
        #expect(check.output.contains("n1, n2, n4 have the same books"), "\(check)")
        for serving in [one, two, three] {
            let consumed = try serving.run(["codes", "consumed", "lamp", "--json"])
            let found = try JSONSerialization.jsonObject(with: Data(consumed.output.utf8))
            let codes = try #require(found as? [[String: Any]]).compactMap { $0["code"] as? String }
            #expect(codes.count == 6 && Set(codes).count == 6, "\(consumed.output)")
        }
        // What a start finds that comes back to the same log.
        #expect(two.end() == 0)
        let back = try nodes[1].serve()
        #expect(try back.awaits("takes commands", Self.status))
        for serving in [one, back, three] { #expect(serving.end() == 0) }
    }
}

extension ClusterNode {
    fileprivate func adopt(_ options: [String]) throws -> Program.Result {
        try program.run(
            ["cluster", "adopt", "--config", "tollgate.yaml"] + options + arguments)
    }
}
