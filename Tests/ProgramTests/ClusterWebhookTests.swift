import Foundation
import Processes
import NATSServers
import Support
import Testing

/// Rule E4 in a cluster: which node sends, and who goes on when it dies.
@Suite("Webhooks of a cluster by the program", .waits)
struct ClusterWebhookTests {
    /// What a receiver has got.
    private struct Message: Decodable {
        let path: String
        let id: String
        let sequence: UInt64
        let change: String
    }

    /// `webhook_receiver.py`, and the file that it writes.
    private struct Receiver {
        private let file: URL
        private let process: Verb

        init(_ program: Program) throws {
            file = program.directory.appending(path: "received")
            let script = URL(filePath: #filePath).deletingLastPathComponent()
                .appending(path: "webhook_receiver.py").path
            let python = program.process(["-B", script, file.path], [:])
            python.executableURL = URL(filePath: "/usr/bin/python3")
            process = try Verb(python)
        }

        private var lines: [String] {
            // The last one may not be whole yet.
            let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
            return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
                .map(String.init)
        }

        func port() throws -> Int {
            var port: Int?
            _ = Patience.awaits {
                port = lines.first.flatMap { Int($0) }
                return port != nil
            }
            return try #require(port)
        }

        /// By the webhook's path, in the order in which they came.
        func messages() throws -> [String: [Message]] {
            let decoder = JSONDecoder()
            let messages = try lines.dropFirst().map {
                try decoder.decode(Message.self, from: Data($0.utf8))
            }
            return Dictionary(grouping: messages, by: \.path)
        }

        func end() { _ = process.end() }
    }

    private static let settings = [
        "--set", "webhooks.allowPrivateAddresses=true", "--set", "webhooks.allowPlainHTTP=true",
    ]
    private static let paths = (0..<16).map { "/hook\($0)" }

    private func delivered(_ serving: Serving) throws -> Int {
        let name = "tollgate_webhook_attempts_total{outcome=\"delivered\"} "
        let page = try serving.shell("curl -sS -m 10 $TOLLGATE_API/metrics").output
        let line = page.split(separator: "\n").first { $0.hasPrefix(name) }
        return try #require(line.flatMap { Int($0.dropFirst(name.count)) })
    }

    /// Whether every webhook has got so many different events; in order, and what came twice with the same id.
    private func have(_ count: Int, at receiver: Receiver) throws -> Bool {
        let messages = try receiver.messages()
        return Self.paths.allSatisfy { path in
            let events = (messages[path] ?? []).filter { $0.change == "account-created" }
            return Set(events.map(\.sequence)).count == count
        }
    }

    private func check(_ messages: [Message], _ path: String) {
        var ids: [UInt64: String] = [:]
        var newest: UInt64 = 0
        for message in messages {
            if let id = ids[message.sequence] {
                #expect(id == message.id, "\(path): event \(message.sequence) has two ids")
            } else {
                #expect(message.sequence > newest, "\(path): \(message.sequence) after \(newest)")
                newest = message.sequence
            }
            ids[message.sequence] = message.id
        }
        #expect(Set(ids.values).count == ids.count, "\(path): two events have one id")
    }

    @Test("E4: nodes share the webhooks, and when one is killed the other goes on with all of them")
    func shared() throws {
        let servers = try NATSServers(3)
        let (first, second) = (try ClusterNode("n1", servers), try ClusterNode("n2", servers))
        defer { for node in [first, second] { node.program.remove() } }
        #expect(try first.join("--found").code == 0)
        let one = try Serving(first.program, first.arguments + Self.settings)
        try second.copySecrets(
            of: first, ["device-secrets.key", "mint.key", "ticket.key", "admin.token"])
        #expect(try second.join(one).code == 0)
        let two = try Serving(second.program, second.arguments + Self.settings)
        let receiver = try Receiver(first.program)
        defer { receiver.end() }
        let port = try receiver.port()
        for path in Self.paths {
            let made = try one.run([
                "webhook", "create", "--name", path, "--url", "http://127.0.0.1:\(port)\(path)",
            ])
            try #require(made.code == 0, "\(made.errors)")
        }

        // Until the second node, too, has become the owner of partitions and has sent.
        var count = 0
        func makeAccount(at serving: Serving) throws {
            let made = try serving.run([
                "account", "create", "--id", "a\(count)", "--name", "A",
            ])
            try #require(made.code == 0, "\(made.errors)")
            count += 1
        }
        let areBothSending = try Patience.awaits {
            try makeAccount(at: count % 2 == 0 ? one : two)
            return try delivered(one) > 0 && delivered(two) > 0
        }
        #expect(areBothSending)
        let haveAll = try Patience.awaits { try have(count, at: receiver) }
        let sent = try receiver.messages().mapValues(\.count)
        #expect(haveAll, "\(sent) of \(count)")

        _ = two.end(SIGKILL)
        for _ in 0..<5 { try makeAccount(at: one) }
        let goesOn = try Patience.awaits { try have(count, at: receiver) }
        let later = try receiver.messages().mapValues(\.count)
        #expect(goesOn, "\(later) of \(count)")
        for (path, messages) in try receiver.messages() { check(messages, path) }
        #expect(one.end() == 0)
    }
}
