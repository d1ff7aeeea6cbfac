import Glibc
import Linux
import NATSServers
import Processes
import Replication
import Support
import Testing
import Time

@testable import JetStream

@Suite("Following a log in JetStream", .waits)
struct FollowTests {
    @Test("what is appended is read, by all who follow, at its position and with one time")
    func appendAndFollow() throws {
        let servers = try NATSServers(1)
        let log = try JetStreamLog(servers.settings())
        defer { log.close() }
        #expect(log.standing == .reliable)
        #expect(try log.position() == 0)
        let early = try Reader(log)
        let before = Timestamp.now()
        let answers = Answers()
        for number in 1...3 { answers.append(number, to: log) }
        #expect(answers.wait(for: 3) == [1: .success(1), 2: .success(2), 3: .success(3)])
        #expect(try log.position() == 3)
        let late = try Reader(log, from: 1)
        #expect(early.wait(for: 3) && late.wait(for: 3))
        #expect(early.entries.map(\.position) == [1, 2, 3])
        #expect(early.entries.map { Answers.number(of: $0) } == [1, 2, 3])
        #expect(late.entries == Array(early.entries.dropFirst()))
        let times = early.entries.map(\.at)
        #expect(times == times.sorted() && times.allSatisfy { $0 >= before && $0 <= .now() })
        early.end()
        #expect(early.waitForEnd())
        answers.append(4, to: log)
        #expect(late.wait(for: 4))
        late.end()
        #expect(late.waitForEnd() && late.errors.isEmpty && early.errors.isEmpty)
    }

    @Test("an acknowledgement that comes before there is a thread to read it is not lost")
    func firstAcknowledgement() throws {
        let servers = try NATSServers(1)
        let settings = servers.settings()
        let log = try JetStreamLog(settings)
        defer { log.close() }
        let link = try Link(settings)
        let appends = try Appends(link, settings)
        defer {
            link.close()
            appends.stop()
        }
        let answers = Answers()
        appends.append(Answers.entry(1), completion: answers.completion(of: 1))
        #expect(Patience.awaits { (try? log.position()) == 1 })
        try appends.start()
        #expect(answers.wait(for: 1) == [1: .success(1)])
    }

    @Test("64 in flight come into the log in the order in which they were appended")
    func inFlight() throws {
        let servers = try NATSServers(1)
        let log = try JetStreamLog(servers.settings())
        defer { log.close() }
        let answers = Answers()
        let count = 3_000
        for number in 0..<count {
            _ = Patience.awaits { number - answers.count < 64 }
            answers.append(number, to: log)
        }
        let expected = Dictionary(uniqueKeysWithValues: (0..<count).map { ($0, UInt64($0 + 1)) })
        _ = answers.wait(for: count)
        #expect(answers.positions == expected)
        let reader = try Reader(log, batch: 100)
        #expect(reader.wait(for: UInt64(count)))
        #expect(reader.entries.map { Answers.number(of: $0) } == Array(0..<count))
        reader.end()
    }

    @Test("entries of all sizes up to the largest go through; a larger one is refused")
    func sizes() throws {
        let servers = try NATSServers(1)
        let log = try JetStreamLog(servers.settings())
        let answers = Answers()
        let sizes = [0, 1, 1_000, 65_536, entryMaximumBytes]
        let entries = sizes.map { size in (0..<size).map { UInt8(truncatingIfNeeded: $0) } }
        for (number, entry) in entries.enumerated() { answers.append(number, entry, to: log) }
        _ = answers.wait(for: sizes.count)
        #expect(answers.positions.count == sizes.count)
        let reader = try Reader(log)
        #expect(reader.wait(for: UInt64(sizes.count)))
        #expect(reader.entries.map(\.bytes) == entries)
        answers.append(-1, [UInt8](repeating: 0, count: entryMaximumBytes + 1), to: log)
        guard case .failure(.refused) = answers.wait(for: sizes.count + 1)[-1] else {
            Issue.record("taken, or not known")
            return
        }
        log.close()
        #expect(reader.waitForEnd())
    }

    @Test("a slow follower gets all, and meanwhile keeps little in memory")
    func slow() throws {
        let servers = try NATSServers(1)
        let log = try JetStreamLog(servers.settings())
        defer { log.close() }
        let answers = Answers()
        let count = 2_000
        for number in 0..<count {
            _ = Patience.awaits { number - answers.count < 256 }
            answers.append(number, Answers.entry(number, bytes: 8_192), to: log)
        }
        _ = answers.wait(for: count)
        let follower = try log.follow(from: 0)
        var entries: [LogEntry] = []
        #expect(try follower.take(upTo: 10, into: &entries))
        // Longer than a request for entries is good for.
        usleep(UInt32(Pull.expiryMilliseconds + 1_500) * 1_000)
        while entries.count < count {
            #expect(try follower.take(upTo: 10, into: &entries))
        }
        #expect(entries.map { Answers.number(of: $0) } == Array(0..<count))
        follower.end()
    }

    @Test("requests for entries are bounded, and so is what waits for a follower")
    func backPressure() throws {
        let servers = try NATSServers(1)
        let settings = servers.settings()
        let log = try JetStreamLog(settings)
        defer { log.close() }
        let answers = Answers()
        for number in 0..<2_000 {
            _ = Patience.awaits { number - answers.count < 256 }
            answers.append(number, to: log)
        }
        _ = answers.wait(for: 2_000)
        let link = try Link(settings)
        defer { link.close() }
        let pull = try Pull(StreamAPI(link, settings), behind: 0)
        usleep(300_000)
        var waiting = 0
        while case .entry? = Delivery?(try? pull.subscription.next(milliseconds: 0)) {
            waiting += 1
        }
        #expect(waiting == Pull.maximumCount)
    }

    @Test("a follower that waits ends with `end`, and with `close`; appends that wait fail")
    func ends() throws {
        let servers = try NATSServers(1)
        let log = try JetStreamLog(servers.settings())
        let (first, second, third) = (try Reader(log), try Reader(log), try Reader(log))
        usleep(100_000)
        let start = MonotonicInstant.now()
        first.end()
        #expect(first.waitForEnd())
        let answers = Answers()
        // No answer comes from a server that is not there.
        try servers.stopAll(kill: true)
        answers.append(1, to: log)
        usleep(300_000)
        second.end()
        #expect(second.waitForEnd())
        log.close()
        #expect(third.waitForEnd())
        #expect(MonotonicInstant.now().milliseconds(since: start) < 5_000)
        guard case .failure(.unknown) = answers.wait(for: 1)[1] else {
            Issue.record("answered otherwise")
            return
        }
        answers.append(2, to: log)
        #expect(answers.wait(for: 2)[2] == .failure(.refused("the log is closed")))
        #expect(throws: LogError.closed) { try log.position() }
        #expect(throws: LogError.closed) { _ = try log.follow(from: 0) }
        #expect(first.errors.isEmpty && second.errors.isEmpty && third.errors.isEmpty)
        log.close()
    }

    @Test("a log that ends before what was applied was set back")
    func rewound() throws {
        let servers = try NATSServers(1)
        var settings = servers.settings()
        settings.settleMilliseconds = 300
        let log = try JetStreamLog(settings)
        defer { log.close() }
        let answers = Answers()
        for number in 1...3 { answers.append(number, to: log) }
        _ = answers.wait(for: 3)
        #expect(throws: LogError.rewound(last: 3, asked: 4)) { _ = try log.follow(from: 4) }
        let reader = try Reader(log)
        #expect(reader.wait(for: 3))
        let link = try Link(settings)
        defer { link.close() }
        _ = try link.connection.request(
            [], on: "$JS.API.STREAM.DELETE.\(settings.stream)", milliseconds: 5_000)
        #expect(reader.waitForError())
        #expect(reader.errors.first == .rewound(last: 0, asked: 3))
        reader.end()
    }

    @Test(
        "the oldest entries are let go of, and nothing behind the end; who has read them goes on",
        arguments: [1, 3])
    func truncation(servers count: Int) throws {
        let servers = try NATSServers(count)
        var settings = servers.settings()
        settings.replicas = count
        let log = try JetStreamLog(settings)
        defer { log.close() }
        #expect(try log.first() == 1)
        let reader = try Reader(log)
        let answers = Answers()
        for number in 1...9 { answers.append(number, to: log) }
        #expect(answers.wait(for: 9).count == 9 && reader.wait(for: 9))
        try log.truncate(before: 6)
        #expect(try log.first() == 6)
        try log.truncate(before: 3)
        #expect(try log.first() == 6 && log.position() == 9)
        #expect(throws: LogError.rewound(last: 9, asked: 10)) { try log.truncate(before: 11) }
        let late = try Reader(log, from: 5)
        #expect(late.wait(for: 9) && late.entries.map(\.position) == [6, 7, 8, 9])
        let tooLate = try Reader(log, from: 3)
        #expect(tooLate.waitForError())
        #expect(tooLate.errors.first == .truncated(first: 6, asked: 3))
        // All of it may go; positions go on.
        try log.truncate(before: 10)
        #expect(try log.first() == 10 && log.position() == 9)
        answers.append(10, to: log)
        #expect(answers.wait(for: 10)[10] == .success(10))
        #expect(reader.wait(for: 10) && reader.errors.isEmpty)
        for reader in [reader, late, tooLate] { reader.end() }
    }

    @Test("a stream that is not to be purged is left as it is")
    func unpurgeable() throws {
        let servers = try NATSServers(1)
        let settings = servers.settings()
        let link = try Link(settings)
        defer { link.close() }
        guard case .object(var config) = StreamInfo.config(for: settings, clusterID: "c") else {
            return
        }
        config["deny_purge"] = .truth(true)
        _ = try link.connection.request(
            JSON.object(config).bytes, on: "$JS.API.STREAM.CREATE.LEDGER", milliseconds: 5_000)
        let log = try JetStreamLog(settings, clusterID: "c")
        defer { log.close() }
        #expect(throws: LogError.self) { try log.truncate(before: 1) }
    }

    @Test(
        "a message that was deleted is a gap; what was let go of before it was read is named as such"
    )
    func gap() throws {
        let servers = try NATSServers(1)
        let settings = servers.settings()
        let link = try Link(settings)
        defer { link.close() }
        let api = StreamAPI(link, settings)
        // Such a stream, which lets messages be deleted, is not opened as a log.
        guard case .object(var config) = StreamInfo.config(for: settings, clusterID: "c") else {
            return
        }
        config["deny_delete"] = .truth(false)
        func ask(_ verb: String, _ question: JSON) throws -> [UInt8] {
            try link.connection.request(
                question.bytes, on: "$JS.API.\(verb)", milliseconds: 5_000
            ).bytes
        }
        _ = try ask("STREAM.CREATE.LEDGER", .object(config))
        for number in 1...9 {
            _ = try link.connection.request(
                Answers.entry(number), on: settings.subject, milliseconds: 5_000)
        }
        _ = try ask("STREAM.MSG.DELETE.LEDGER", ["seq": .number(5)])
        let follower = JetStreamFollower(api, StreamIdentity(cluster: "c", generation: 1), from: 0)
        var entries: [LogEntry] = []
        #expect(throws: LogError.gap(missing: 5)) {
            while try follower.take(upTo: 512, into: &entries) {}
        }
        #expect(entries.map(\.position) == [1, 2, 3, 4])
        // Trying again tries again, and skips nothing.
        #expect(throws: LogError.gap(missing: 5)) {
            _ = try follower.take(upTo: 512, into: &entries)
        }
        _ = try ask("STREAM.PURGE.LEDGER", ["seq": .number(8)])
        let behind = JetStreamFollower(api, StreamIdentity(cluster: "c", generation: 1), from: 5)
        #expect(throws: LogError.truncated(first: 8, asked: 5)) {
            _ = try behind.take(upTo: 512, into: &entries)
        }
        let there = JetStreamFollower(api, StreamIdentity(cluster: "c", generation: 1), from: 7)
        #expect(try there.take(upTo: 512, into: &entries))
        #expect(entries.last?.position == 9 || entries.last?.position == 8)
    }
}

extension Delivery? {
    /// What such a message is.
    fileprivate init(_ message: consuming NATSMessage?) {
        switch consume message {
        case .some(let message): self = .some(Delivery(message))
        case .none: self = .none
        }
    }
}
