import Linux
import Processes
import Replication
import Support
import Synchronization
import Testing
import Time

@Suite("The log in memory", .waits)
struct InProcessLogTests {
    /// A clock that goes on by a second each time it is read.
    private final class Clock: Sendable {
        private let seconds = Atomic<Int64>(0)

        func now() -> Timestamp {
            Timestamp(seconds: seconds.add(1, ordering: .relaxed).newValue)
        }
    }

    private func log(after position: UInt64 = 0) -> InProcessLog {
        let clock = Clock()
        return InProcessLog(after: position) { clock.now() }
    }

    @Test("entries are at 1, 2, 3, ..., with the clock's time, and all who follow see them")
    func follow() throws {
        let log = log()
        #expect(try log.position() == 0)
        let follower = try log.follow(from: 0)
        var answers: [Result<UInt64, AppendError>?] = []
        for byte in UInt8(1)...3 { answers.append(log.appended([byte])) }
        #expect(answers == [.success(1), .success(2), .success(3)])
        #expect(try log.position() == 3)
        var entries: [LogEntry] = []
        #expect(try follower.take(upTo: 2, into: &entries))
        #expect(entries.map(\.position) == [1, 2])
        #expect(try follower.take(upTo: 2, into: &entries))
        #expect(entries.map(\.bytes) == [[1], [2], [3]])
        #expect(entries.map(\.at) == (1...3).map { Timestamp(seconds: $0) })
        var later: [LogEntry] = []
        #expect(try log.follow(from: 2).take(upTo: 9, into: &later))
        #expect(later == [entries[2]])
    }

    @Test("a log begins behind a snapshot, and forgets what all have applied")
    func kept() throws {
        let log = log(after: 10)
        #expect(try log.position() == 10)
        #expect(throws: LogError.rewound(last: 10, asked: 11)) { _ = try log.follow(from: 11) }
        #expect(throws: LogError.truncated(first: 11, asked: 9)) { _ = try log.follow(from: 9) }
        #expect(try log.first() == 11)
        let slow = try log.follow(from: 10)
        for byte in UInt8(1)...5 { _ = log.appended([byte]) }
        try log.truncate(before: 14)
        #expect(try log.first() == 14)
        try log.truncate(before: 12)
        #expect(try log.first() == 14)
        var entries: [LogEntry] = []
        #expect(throws: LogError.truncated(first: 14, asked: 10)) {
            _ = try slow.take(upTo: 9, into: &entries)
        }
        #expect(try log.follow(from: 13).take(upTo: 9, into: &entries))
        #expect(entries.map(\.position) == [14, 15])
        #expect(throws: LogError.rewound(last: 15, asked: 16)) { try log.truncate(before: 17) }
        try log.truncate(before: 16)
        #expect(try log.position() == 15)
        #expect(try log.first() == 16)
        #expect(log.appended([6]) == .success(16))
    }

    @Test("an entry that is too large is refused, and nothing is taken after the end")
    func refused() throws {
        let log = log()
        let large = [UInt8](repeating: 0, count: entryMaximumBytes)
        #expect(log.appended(large) == .success(1))
        guard case .failure(.refused) = log.appended(large + [0]) else {
            Issue.record("taken")
            return
        }
        #expect(log.standing == .reliable)
        log.close()
        #expect(log.appended([1]) == .failure(.refused("the log is closed")))
        #expect(log.standing == .unreliable("the log is closed"))
        #expect(throws: LogError.closed) { try log.position() }
        #expect(throws: LogError.closed) { _ = try log.follow(from: 0) }
    }

    @Test("a follower that waits ends with `end`, and with `close`")
    func ends() throws {
        let log = log()
        let (first, second) = (try log.follow(from: 0), try log.follow(from: 0))
        let threads = [try waiting(on: first), try waiting(on: second)]
        first.end()
        threads[0].join()
        log.close()
        threads[1].join()
    }

    private func waiting(on follower: any LogFollower) throws -> Linux.Thread {
        try Linux.Thread(name: "follower") {
            var entries: [LogEntry] = []
            let goesOn = (try? follower.take(upTo: 1, into: &entries)) ?? true
            precondition(!goesOn && entries.isEmpty, "it has not ended")
        }
    }

    @Test("followers on threads of their own see what many threads append, in one order")
    func threads() throws {
        let log = log()
        let seen = Monitor<[Int: [LogEntry]]>([:])
        let (writers, each) = (4, 500)
        var threads: [Linux.Thread] = []
        for reader in 0..<3 {
            let follower = try log.follow(from: 0)
            threads.append(
                try Linux.Thread(name: "follower") {
                    var entries: [LogEntry] = []
                    while entries.count < writers * each,
                        (try? follower.take(upTo: 7, into: &entries)) == true
                    {}
                    seen.change { $0[reader] = entries }
                })
        }
        for writer in 0..<writers {
            threads.append(
                try Linux.Thread(name: "writer") {
                    for number in 0..<each {
                        let bytes = [UInt8(writer), UInt8(number >> 8), UInt8(number & 255)]
                        _ = log.appended(bytes)
                    }
                })
        }
        for thread in threads { thread.join() }
        let all = seen.look { $0 }
        #expect(Set(all.values).count == 1)
        let entries = try #require(all[0])
        #expect(entries.map(\.position) == Array(1...UInt64(writers * each)))
        #expect(entries.map(\.at) == entries.map(\.at).sorted())
        for writer in 0..<writers {
            let own = entries.map(\.bytes).filter { $0[0] == UInt8(writer) }
            #expect(own.map { Int($0[1]) << 8 | Int($0[2]) } == Array(0..<each))
        }
    }
}

extension CommandLog {
    /// Appends an entry to a log that answers at once.
    func appended(_ bytes: [UInt8]) -> Result<UInt64, AppendError>? {
        let answer = Mutex<Result<UInt64, AppendError>?>(nil)
        append(bytes) { result in answer.withLock { $0 = result } }
        return answer.withLock { $0 }
    }
}
