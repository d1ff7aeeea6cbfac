import Linux
import NATSServers
import Processes
import Replication
import Support
import Testing

@testable import JetStream

@Suite("A log in JetStream on three servers", .waits)
struct ClusterTests {
    /// Appends until it is told to stop, some in flight, each again until it is acknowledged, as the ledger does.
    private final class Writer: Sendable {
        private let log: any CommandLog
        private let answers = Answers()
        private let resent = Monitor<[Int: UInt64]>([:])
        private let isStopped = Monitor(false)

        init(_ log: any CommandLog) throws {
            self.log = log
            _ = try Thread(name: "writer") { self.run() }
        }

        private func run() {
            var number = 0
            while !isStopped.look({ $0 }) {
                // One to four, and the next when these are acknowledged.
                let some = number..<number + 4
                number += 4
                var missing = Set(some)
                while !missing.isEmpty, !isStopped.look({ $0 }) {
                    let sent = missing.count
                    for number in missing.sorted() { answers.append(number, to: log) }
                    let answered = answers.wait(for: sent)
                    for (number, result) in answered {
                        guard case .success(let position) = result else { continue }
                        missing.remove(number)
                        resent.change { $0[number] = position }
                    }
                    answers.forget()
                }
            }
        }

        /// Where each acknowledged entry is.
        var acknowledged: [Int: UInt64] { resent.look { $0 } }

        func waitForMore(_ count: Int = 40) -> Bool {
            let wanted = acknowledged.count + count
            return Patience.awaits { acknowledged.count >= wanted }
        }

        func stop() { isStopped.change { $0 = true } }
    }

    /// That followers have seen every entry once, in order, and all that were acknowledged.
    private func expectWhole(
        _ log: JetStreamLog,
        _ acknowledged: [Int: UInt64],
        _ readers: [Reader]
    ) throws {
        let last = try log.position()
        for reader in readers {
            #expect(reader.wait(for: last), "\(reader.errors)")
            // What was sent last, and not acknowledged, may still come.
            let entries = reader.entries.prefix(Int(last))
            #expect(entries.map(\.position) == Array(1...last))
            for (number, position) in acknowledged {
                let entry = entries[Int(position) - 1]
                #expect(Answers.number(of: entry) == number)
            }
            // While all servers are down, and no longer.
            for error in reader.errors {
                guard case .unreachable = error else {
                    Issue.record("\(error)")
                    continue
                }
            }
        }
        #expect(Set(readers.map { $0.entries.prefix(Int(last)) }).count == 1)
    }

    @Test("a leader is killed during appends, then all servers: nothing is lost, no gap")
    func killed() throws {
        let servers = try NATSServers(3)
        var settings = servers.settings()
        // What a server took with it is sent again soon.
        settings.appendMilliseconds = 1_500
        let log = try JetStreamLog(settings)
        let other = try JetStreamLog(settings, clusterID: log.clusterID)
        defer {
            other.close()
            log.close()
        }
        #expect(log.standing == .reliable)
        let readers = [try Reader(log), try Reader(other)]
        let writer = try Writer(log)
        #expect(writer.waitForMore())
        let link = try Link(settings)
        defer { link.close() }
        let leader = try #require(try StreamAPI(link, settings).info().leader)
        let index = try #require(servers.index(of: leader))
        try servers.stop(index, kill: true)
        #expect(writer.waitForMore())
        // Two of three are enough, as long as both sync.
        #expect(Patience.awaits { log.standing == .reliable })
        try servers.start(index)
        #expect(writer.waitForMore())
        try servers.stopAll(kill: true)
        #expect(Patience.awaits { log.standing != .reliable })
        try servers.startAll()
        #expect(writer.waitForMore())
        #expect(Patience.awaits { log.standing == .reliable && other.standing == .reliable })
        writer.stop()
        try expectWhole(log, writer.acknowledged, readers)
        for reader in readers { reader.end() }
    }

    @Test("an entry that one replica has lost to flipped bits is had from another one")
    func bitRot() throws {
        let servers = try NATSServers(3)
        let settings = servers.settings()
        var log = try JetStreamLog(settings)
        let answers = Answers()
        let count = 200
        for number in 0..<count { answers.append(number, to: log) }
        _ = answers.wait(for: count)
        try #require(answers.positions.count == count)
        log.close()
        try servers.stopAll()
        try servers.flipBit(in: "LEDGER", at: 0)
        try servers.startAll()
        log = try JetStreamLog(settings)
        // Each reader of the servers' may be on another replica.
        for _ in 0..<6 {
            let reader = try Reader(log)
            #expect(reader.wait(for: UInt64(count)), "\(reader.errors)")
            #expect(reader.entries.map(\.position) == Array(1...UInt64(count)))
            #expect(reader.entries.map { Answers.number(of: $0) } == Array(0..<count))
            reader.end()
            #expect(reader.waitForEnd())
        }
        log.close()
    }
}
