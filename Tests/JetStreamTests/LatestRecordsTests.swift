import Glibc
import Linux
import NATSServers
import Processes
import Replication
import Support
import Testing
import Time

@testable import JetStream

@Suite("The latest records in JetStream", .waits)
struct LatestRecordsTests {
    private static let cluster = String(repeating: "7", count: 32)

    private func open(
        _ servers: NATSServers,
        _ memory: DeletionMemory = .standard
    ) throws -> JetStreamLatestRecords {
        try JetStreamLatestRecords(
            servers.settings().ofRetained, clusterID: Self.cluster, memory)
    }

    private func key(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test(
        "the latest record of each key is read by all, whatever bytes the key has; what comes follows"
    )
    func follow() throws {
        let servers = try NATSServers(1)
        let records = try open(servers)
        defer { records.close() }
        #expect(records.standing == .reliable)
        let early = try LatestReader(records)
        #expect(early.waitUntilCurrent() && early.found.last.position == 0)
        let answers = PutAnswers()
        let keys =
            ["a/b", "a.b", "a b", "*", ">", "..", "\u{0}", "\u{FFFF}/\n"].map(key) + [
                [UInt8](repeating: 0xFF, count: 65_535)
            ]
        for (number, key) in keys.enumerated() {
            #expect(answers.putNow("old \(number)", under: key, to: records) != nil)
        }
        for (number, key) in keys.enumerated() {
            #expect(answers.putNow("\(number)", under: key, to: records) != nil)
        }
        let last = answers.putNow("", under: key("a b"), to: records)
        #expect(last == 19)
        #expect(try records.position() == 19)
        var expected = Dictionary(
            uniqueKeysWithValues: keys.enumerated().map { ($1, Array("\($0)".utf8)) })
        expected[key("a b")] = nil
        let late = try LatestReader(records)
        #expect(late.waitUntilCurrent() && early.wait(for: 19))
        for reader in [early, late] {
            #expect(reader.found.records == expected)
            #expect(reader.found.currents == [0] && reader.found.beginnings == 1)
            reader.end()
            #expect(reader.wait { $0.isOver } && reader.found.errors.isEmpty)
        }
        #expect(answers.putNow("", under: [], to: records) == nil)
        let tooLarge = String(repeating: "x", count: latestRecordMaximumBytes)
        #expect(answers.putNow(tooLarge, under: [1], to: records) == nil)
    }

    @Test("one that was away gets what has changed, and everything when its mark is too old")
    func away() throws {
        let servers = try NATSServers(1)
        let records = try open(servers)
        defer { records.close() }
        let answers = PutAnswers()
        for number in 0..<5 { answers.putNow("x", under: key("\(number)"), to: records) }
        let first = try LatestReader(records)
        #expect(first.waitUntilCurrent())
        let mark = first.found.last
        #expect(mark.position == 5)
        first.end()
        answers.putNow("", under: key("1"), to: records)
        answers.putNow("y", under: key("2"), to: records)
        let second = try LatestReader(records, from: mark, of: records.generation)
        #expect(second.waitUntilCurrent())
        #expect(second.found.beginnings == 0 && second.found.records == [key("2"): key("y")])
        let old = LatestMark(position: mark.position, at: mark.at.adding(days: -8))
        let third = try LatestReader(records, from: old, of: records.generation)
        #expect(third.waitUntilCurrent())
        #expect(third.found.beginnings == 1 && third.found.records.count == 4)
        let ahead = LatestMark(position: 100, at: mark.at)
        let fourth = try LatestReader(records, from: ahead, of: records.generation)
        #expect(fourth.wait { !$0.errors.isEmpty })
        #expect(fourth.found.errors.first == .rewound(last: 7, asked: 100))
        for reader in [second, third, fourth] { reader.end() }
    }

    @Test(
        "a stream that was lost and is made anew is told from the one before, also when it is as long"
    )
    func anew() throws {
        let servers = try NATSServers(1)
        let lost = try open(servers)
        let answers = PutAnswers()
        for number in 0..<3 { answers.putNow("x", under: key("\(number)"), to: lost) }
        let first = try LatestReader(lost)
        #expect(first.waitUntilCurrent())
        let mark = first.found.last
        let generation = lost.generation
        try lost.remove()
        #expect(throws: JetStreamError.noStream("LEDGER_RETAINED")) {
            try JetStreamLatestRecords(
                servers.settings().ofRetained, clusterID: Self.cluster, ifAbsent: .fail)
        }
        let records = try open(servers)
        defer { records.close() }
        #expect(records.generation > generation)
        for number in 0..<5 { answers.putNow("y", under: key("\(number)"), to: records) }
        let second = try LatestReader(records, from: mark, of: generation)
        #expect(second.waitUntilCurrent())
        #expect(second.found.beginningsAnew == 1 && second.found.records.count == 5)
        #expect(second.found.errors.isEmpty)
        for reader in [first, second] { reader.end() }
        lost.close()
    }

    @Test("deletions, and records of a limited time, are taken away by the servers; others stay")
    func limitedTime() throws {
        let servers = try NATSServers(1)
        let records = try open(servers, DeletionMemory(keptSeconds: 1, markSeconds: 1))
        defer { records.close() }
        let answers = PutAnswers()
        answers.putNow("x", under: key("deleted"), to: records)
        answers.putNow("x", under: key("kept"), to: records)
        answers.putNow("x", under: key("short"), forSeconds: 1, to: records)
        let reader = try LatestReader(records)
        #expect(reader.waitUntilCurrent() && reader.found.records.count == 3)
        let mark = reader.found.last
        answers.putNow("", under: key("deleted"), to: records)
        #expect(reader.wait { $0.records.count == 2 })
        let link = try Link(servers.settings())
        defer { link.close() }
        let api = StreamAPI(link, servers.settings().ofRetained)
        #expect(try Patience.awaits { try api.count(behind: 0) == 1 })
        usleep(1_100_000)
        // Its mark is too old to tell what was deleted.
        let late = try LatestReader(records, from: mark, of: records.generation)
        #expect(late.waitUntilCurrent())
        #expect(late.found.beginnings == 1 && late.found.records == [key("kept"): key("x")])
        for reader in [reader, late] { reader.end() }
    }

    @Test("a server that is killed and comes back is followed on, and so is what is put behind it")
    func killed() throws {
        let servers = try NATSServers(1)
        let records = try open(servers)
        defer { records.close() }
        let answers = PutAnswers()
        let reader = try LatestReader(records)
        for number in 0..<50 { answers.put("1", under: key("\(number)"), to: records) }
        #expect(answers.wait(for: 50).allSatisfy { (try? $0.get()) != nil })
        try servers.stopAll(kill: true)
        #expect(Patience.awaits { records.standing != .reliable })
        try servers.startAll()
        #expect(Patience.awaits { records.standing == .reliable })
        let last = answers.putNow("2", under: key("7"), to: records)
        #expect(try reader.wait(for: #require(last)), "\(reader.found.errors)")
        #expect(reader.found.records.count == 50 && reader.found.records[key("7")] == key("2"))
        #expect(reader.found.beginnings == 1)
        reader.end()
    }

    @Test(
        "records that no server has any more are counted, those that are given late among those that are there"
    )
    func lost() throws {
        let servers = try NATSServers(1)
        var records = try open(servers)
        let answers = PutAnswers()
        for number in 0..<200 { answers.put("record", under: key("\(number)"), to: records) }
        #expect(answers.wait(for: 200).count == 200)
        records.close()
        try servers.stopAll()
        try servers.flipBit(in: servers.settings().ofRetained.stream, at: 0)
        try servers.startAll()
        records = try open(servers)
        let reader = try LatestReader(records)
        #expect(reader.waitUntilCurrent())
        let found = reader.found
        #expect(found.records.count < 200)
        #expect(found.currents.first == 200 - found.records.count)
        reader.end()
        records.close()
    }

    @Test("a stream that keeps more than the latest, or belongs to another cluster, is refused")
    func otherStreams() throws {
        let servers = try NATSServers(1)
        let settings = servers.settings().ofRetained
        try JetStreamLog(settings, clusterID: Self.cluster).close()
        #expect {
            try open(servers)
        } throws: { error in
            guard case .unsafeStream(settings.stream, let found)? = error as? JetStreamError
            else { return false }
            return ["subjects", "max_msgs_per_subject", "deny_purge", "allow_msg_ttl"].allSatisfy {
                name in found.contains { $0.hasPrefix(name) }
            }
        }
        let other = servers.settings(stream: "OTHER").ofRetained
        try JetStreamLatestRecords(other, clusterID: Self.cluster).close()
        let foreign = String(repeating: "8", count: 32)
        #expect(
            throws: JetStreamError.foreignCluster(
                stream: other.stream, found: Self.cluster, expected: foreign)
        ) { try JetStreamLatestRecords(other, clusterID: foreign) }
    }

    // MARK: Three servers

    @Test(
        "a leader is killed during puts: all nodes have the same records, and all that were acknowledged"
    )
    func leaderKilled() throws {
        let servers = try NATSServers(3)
        var settings = servers.settings().ofRetained
        settings.appendMilliseconds = 1_500
        let first = try JetStreamLatestRecords(settings, clusterID: Self.cluster)
        let second = try JetStreamLatestRecords(settings, clusterID: Self.cluster)
        defer {
            first.close()
            second.close()
        }
        let readers = [try LatestReader(first), try LatestReader(second)]
        let answers = PutAnswers()
        var values: [[UInt8]: String] = [:]
        func put(_ numbers: Range<Int>) {
            for number in numbers {
                // Two nodes in turn, often under the same key.
                let records = number.isMultiple(of: 2) ? first : second
                let name = key("\(number % 17)")
                while answers.putNow("\(number)", under: name, to: records) == nil {}
                values[name] = "\(number)"
            }
        }
        put(0..<60)
        let link = try Link(settings)
        defer { link.close() }
        let leader = try #require(try StreamAPI(link, settings).info().leader)
        let index = try #require(servers.index(of: leader))
        try servers.stop(index, kill: true)
        put(60..<120)
        try servers.start(index)
        put(120..<150)
        let last = try first.position()
        let expected = values.mapValues { Array($0.utf8) }
        for reader in readers {
            #expect(reader.wait(for: last), "\(reader.found.errors)")
            #expect(reader.found.records == expected)
            reader.end()
        }
    }

    @Test("a record that one replica has lost to flipped bits is had from another one")
    func bitRot() throws {
        let servers = try NATSServers(3)
        var records = try open(servers)
        let answers = PutAnswers()
        for number in 0..<200 { answers.put("record", under: key("\(number)"), to: records) }
        #expect(answers.wait(for: 200).allSatisfy { (try? $0.get()) != nil })
        records.close()
        try servers.stopAll()
        try servers.flipBit(in: servers.settings().ofRetained.stream, at: 0)
        try servers.startAll()
        records = try open(servers)
        for _ in 0..<4 {
            let reader = try LatestReader(records)
            #expect(reader.waitUntilCurrent(), "\(reader.found.errors)")
            #expect(reader.found.records.count == 200 && reader.found.currents == [0])
            reader.end()
            #expect(reader.wait { $0.isOver })
        }
        records.close()
    }
}
