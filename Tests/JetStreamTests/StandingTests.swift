import JetStream
import NATSServers
import Processes
import Replication
import Support
import Testing

@Suite("Whether a log in JetStream may be relied on", .waits)
struct StandingTests {
    private func becomes(_ log: JetStreamLog, _ condition: (LogStanding) -> Bool) -> Bool {
        Patience.awaits { condition(log.standing) }
    }

    private static func isUnreliable(_ standing: LogStanding, _ words: String) -> Bool {
        if case .unreliable(let why) = standing { why.contains(words) } else { false }
    }

    @Test("a server that does not sync always is found out, and said by name; so is its correction")
    func sync() throws {
        var options = NATSServers.Options()
        options.syncInterval = "2m"
        let servers = try NATSServers(1, options)
        let log = try JetStreamLog(servers.settings())
        defer { log.close() }
        #expect(
            log.standing
                == .unreliable("no `sync_interval: always` in the configuration of n0"))
        try servers.stopAll()
        #expect(becomes(log) { Self.isUnreliable($0, "connection to the log's servers is lost") })
        servers.options.syncInterval = "always"
        try servers.startAll()
        #expect(becomes(log) { $0 == .reliable })
        // A later restart with the wrong setting is seen as well.
        try servers.stopAll()
        servers.options.syncInterval = "1m"
        try servers.startAll()
        #expect(becomes(log) { Self.isUnreliable($0, "sync_interval") })
    }

    @Test("without the right to ask the servers nothing is relied on, and what is missing is said")
    func noService() throws {
        var options = NATSServers.Options()
        options.importsService = false
        let servers = try NATSServers(1, options)
        let log = try JetStreamLog(servers.settings())
        #expect(Self.isUnreliable(log.standing, "has to import \(StandingService.subject)"))
        log.close()
        #expect(log.standing == .unreliable("the log is closed"))
    }

    @Test("a connection that libnats has given up, as it was refused twice, is made again")
    func givenUp() throws {
        let servers = try NATSServers(1)
        let log = try JetStreamLog(servers.settings())
        defer { log.close() }
        #expect(log.standing == .reliable)
        try servers.stopAll()
        servers.options.password = "another"
        try servers.startAll()
        #expect(becomes(log) { Self.isUnreliable($0, "don't let this gateway in") })
        try servers.stopAll()
        servers.options.password = "correct horse"
        try servers.startAll()
        #expect(becomes(log) { $0 == .reliable })
        let answers = Answers()
        var number = 0
        #expect(
            Patience.awaits {
                answers.append(number, to: log)
                number += 1
                _ = answers.wait(for: number)
                return !answers.positions.isEmpty
            })
    }
}
