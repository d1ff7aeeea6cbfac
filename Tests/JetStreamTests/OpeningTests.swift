import Linux
import NATSServers
import Processes
import Replication
import Support
import Testing

@testable import JetStream

@Suite("Opening a log in JetStream", .waits)
struct OpeningTests {
    /// Why a log can't be opened, and that this is known soon.
    private func refusal(
        _ settings: JetStreamSettings,
        clusterID: String? = nil,
        seconds: Int64 = 10
    ) -> JetStreamError? {
        let start = MonotonicInstant.now()
        defer { #expect(MonotonicInstant.now().milliseconds(since: start) < seconds * 1_000) }
        do throws(JetStreamError) {
            try JetStreamLog(settings, clusterID: clusterID).close()
            return nil
        } catch {
            return error
        }
    }

    @Test("the stream is made by who comes first, and carries the cluster's id; others find it")
    func cluster() throws {
        let servers = try NATSServers(1)
        let first = try JetStreamLog(servers.settings())
        defer { first.close() }
        #expect(first.clusterID.utf8.count == 32)
        let second = try JetStreamLog(servers.settings(), clusterID: first.clusterID)
        #expect(second.clusterID == first.clusterID)
        second.close()
        let foreign = String(repeating: "0", count: 32)
        #expect(
            refusal(servers.settings(), clusterID: foreign)
                == .foreignCluster(stream: "LEDGER", found: first.clusterID, expected: foreign))
        let other = try JetStreamLog(servers.settings(stream: "OTHER"), clusterID: foreign)
        #expect(other.clusterID == foreign)
        other.close()
    }

    @Test(
        "a stream that has to be there is not made; one that is begins where it is told, with its labels"
    )
    func absent() throws {
        let servers = try NATSServers(1)
        var settings = servers.settings()
        #expect {
            try JetStreamLog(settings, ifAbsent: .fail)
        } throws: { error in
            error as? JetStreamError == .noStream("LEDGER")
        }
        settings.labels["tollgate-mint-key"] = "ab12"
        let made = try JetStreamLog(settings, ifAbsent: .make(after: 41))
        defer { made.close() }
        #expect(made.labels["tollgate-mint-key"] == "ab12")
        #expect(try made.position() == 41)
        let follower = try made.follow(from: 41)
        let answers = Answers()
        answers.append(0, [7], to: made)
        #expect(answers.wait(for: 1) == [0: .success(42)])
        var entries: [LogEntry] = []
        #expect(try follower.take(upTo: 1, into: &entries))
        #expect(entries.map(\.position) == [42] && entries.map(\.bytes) == [[7]])
        follower.end()
        let found = try JetStreamLog(servers.settings(), ifAbsent: .fail)
        #expect(found.clusterID == made.clusterID && found.labels == made.labels)
        found.close()
    }

    @Test("a log that is begun anew says so, and who followed the one before does not follow it")
    func generations() throws {
        let servers = try NATSServers(1)
        var settings = servers.settings()
        settings.settleMilliseconds = 30_000
        let old = try JetStreamLog(settings)
        defer { old.close() }
        #expect(try old.generation() == .first)
        let answers = Answers()
        answers.append(1, to: old)
        #expect(answers.wait(for: 1).count == 1)
        let reader = try Reader(old)
        #expect(reader.wait(for: 1))
        let remover = try JetStreamLog(settings, clusterID: old.clusterID, ifAbsent: .fail)
        try remover.remove()
        remover.close()
        let second = LogGeneration(number: 2, position: 7, chain: "00ff")
        let anew = try JetStreamLog(
            settings, clusterID: old.clusterID, ifAbsent: .begin(second))
        defer { anew.close() }
        #expect(try anew.generation() == second && anew.position() == 7 && anew.first() == 8)
        #expect(throws: LogError.begunAnew(generation: 2)) { _ = try old.position() }
        #expect(reader.waitForError())
        #expect(reader.errors.first == .begunAnew(generation: 2))
        reader.end()
        let found = try JetStreamLog(settings, clusterID: old.clusterID, ifAbsent: .fail)
        #expect(try found.generation() == second)
        found.close()
        let third = LogGeneration(number: 3, position: 7, chain: "00ff")
        #expect {
            try JetStreamLog(settings, clusterID: old.clusterID, ifAbsent: .begin(third))
        } throws: { error in
            guard case .notMade(_, let why)? = error as? JetStreamError else { return false }
            return why.contains("generation 2")
        }
    }

    @Test("one replica where three are asked for is refused, by an old stream and by a lone server")
    func replicas() throws {
        let servers = try NATSServers(1)
        try JetStreamLog(servers.settings(replicas: 1)).close()
        let settings = servers.settings(replicas: 3)
        guard case .unsafeStream("LEDGER", let differences) = refusal(settings) else {
            Issue.record("taken, or refused otherwise")
            return
        }
        #expect(differences == ["num_replicas is 1, and has to be 3"])
        let new = servers.settings(stream: "NEW", replicas: 3)
        guard case .notMade("NEW", let why) = refusal(new) else {
            Issue.record("taken, or refused otherwise")
            return
        }
        #expect(why.contains("replicas > 1 not supported"))
    }

    @Test("a stream without a cluster's id, or with a limit, is refused")
    func strangeStream() throws {
        let servers = try NATSServers(1)
        let settings = servers.settings()
        let link = try Link(settings)
        defer { link.close() }
        let config: JSON = [
            "name": .text(settings.stream), "subjects": .array([.text(settings.subject)]),
            "storage": .text("file"), "discard": .text("old"), "max_msgs": .number(1_000),
        ]
        _ = try link.connection.request(
            config.bytes, on: "$JS.API.STREAM.CREATE.\(settings.stream)", milliseconds: 5_000)
        guard case .unsafeStream(_, let differences) = refusal(settings) else {
            Issue.record("taken, or refused otherwise")
            return
        }
        for name in ["discard", "max_msgs", "deny_delete", "its metadata"] {
            #expect(differences.contains { $0.hasPrefix(name) }, "\(name): \(differences)")
        }
    }

    @Test("a wrong password, and servers that are not there, are said in bounded time")
    func notLetIn() throws {
        let servers = try NATSServers(1)
        var settings = servers.settings()
        settings.credentials = .user("tollgate", password: "mistaken")
        guard case .notLetIn(let why) = refusal(settings) else {
            Issue.record("let in, or refused otherwise")
            return
        }
        #expect(why.contains("password") && !why.contains("mistaken"))
        settings = servers.settings()
        settings.credentials = .file("/nonexistent/gateway.creds")
        #expect(refusal(settings) != nil)
        settings = servers.settings()
        try servers.stopAll()
        guard case .unreachable = refusal(settings) else {
            Issue.record("open, or refused otherwise")
            return
        }
    }

    @Test("TLS: servers show a certificate that is checked, and may ask for one of the gateway's")
    func tls() throws {
        let certificates = TestCertificates.shared
        var options = NATSServers.Options()
        options.certificates = certificates
        options.asksForCertificate = true
        let servers = try NATSServers(1, options)
        var settings = servers.settings()
        settings.tls?.certificateChainFile = certificates.certificateFile
        settings.tls?.privateKeyFile = certificates.keyFile
        let log = try JetStreamLog(settings)
        let answers = Answers()
        answers.append(1, to: log)
        #expect(answers.wait(for: 1) == [1: .success(1)])
        #expect(log.standing == .reliable)
        log.close()
    }

    @Test("TLS that can't be had is refused, and said which end lacks what")
    func tlsRefused() throws {
        let certificates = TestCertificates.shared
        var options = NATSServers.Options()
        options.certificates = certificates
        let servers = try NATSServers(1, options)
        let good = servers.settings()
        try JetStreamLog(good).close()

        func isNotLetIn(_ settings: JetStreamSettings) -> Bool {
            let found = refusal(settings)
            if case .notLetIn = found { return true }
            Issue.record("\(String(describing: found))")
            return false
        }
        var settings = good
        let others = try TestCertificates()
        settings.tls = .init(authorityFile: others.authorityFile)
        #expect(isNotLetIn(settings))
        settings = good
        // The same place by a name that the certificate does not have.
        settings.servers = good.servers.map { $0.replacing("localhost", with: "127.1") }
        #expect(isNotLetIn(settings))
        settings = good
        settings.tls = nil
        settings.servers = good.servers.map { $0.replacing("tls:", with: "nats:") }
        #expect(isNotLetIn(settings))

        let plain = try NATSServers(1)
        settings = plain.settings()
        settings.tls = good.tls
        #expect(isNotLetIn(settings))
        settings = good
        settings.tls?.authorityFile = "/nonexistent/ca.pem"
        guard case .badSettings = refusal(settings) else {
            Issue.record("taken, or refused otherwise")
            return
        }
    }
}
