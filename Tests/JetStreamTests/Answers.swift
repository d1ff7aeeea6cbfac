import Linux
import Replication
import Support

/// The answers to appends, as they come.
final class Answers: Sendable {
    private let all = Monitor<[Int: Result<UInt64, AppendError>]>([:])

    /// Appends an entry, whose answer will be known by its number.
    func append(_ number: Int, _ entry: [UInt8], to log: any CommandLog) {
        log.append(entry, completion: completion(of: number))
    }

    /// Takes the answer, once.
    func completion(of number: Int) -> @Sendable (Result<UInt64, AppendError>) -> Void {
        { result in
            self.all.change { all in
                precondition(all[number] == nil, "answered twice")
                all[number] = result
            }
        }
    }

    func append(_ number: Int, to log: any CommandLog) {
        append(number, Self.entry(number), to: log)
    }

    /// The first bytes say which it is.
    static func entry(_ number: Int, bytes: Int = 16) -> [UInt8] {
        let text = Array("\(number) ".utf8)
        return text + [UInt8](repeating: UInt8(ascii: "x"), count: max(0, bytes - text.count))
    }

    static func number(of entry: LogEntry) -> Int? {
        Int(String(decoding: entry.bytes.prefix { $0 != UInt8(ascii: " ") }, as: UTF8.self))
    }

    func forget() { all.change { $0 = [:] } }

    var count: Int { all.look { $0.count } }

    var positions: [Int: UInt64] { all.look { all in all.compactMapValues { try? $0.get() } } }

    /// Waits until so many are there.
    func wait(for count: Int) -> [Int: Result<UInt64, AppendError>] {
        let deadline = MonotonicInstant.now().adding(milliseconds: Int64(Patience.seconds * 1_000))
        let found = all.wait(until: deadline) { all in all.count >= count ? all : nil }
        return found ?? all.look { $0 }
    }
}

/// A follower on a thread of its own.
final class Reader: Sendable {
    private struct Seen {
        var entries: [LogEntry] = []
        var errors: [LogError] = []
        var isOver = false
    }

    private let seen = Monitor(Seen())
    private let follower: any LogFollower
    private let batch: Int

    init(_ log: any CommandLog, from position: UInt64 = 0, batch: Int = 512) throws {
        follower = try log.follow(from: position)
        self.batch = batch
        _ = try Thread(name: "reader") { self.run() }
    }

    private func run() {
        while true {
            do throws(LogError) {
                var entries: [LogEntry] = []
                let goesOn = try follower.take(upTo: batch, into: &entries)
                seen.change { $0.entries += entries }
                guard goesOn else { break }
            } catch {
                seen.change { $0.errors.append(error) }
            }
        }
        seen.change { $0.isOver = true }
    }

    func end() { follower.end() }

    var entries: [LogEntry] { seen.look { $0.entries } }
    var errors: [LogError] { seen.look { $0.errors } }

    func waitForEnd() -> Bool { wait { $0.isOver } }

    func waitForError() -> Bool { wait { !$0.errors.isEmpty } }

    /// Waits until an entry at that position was there.
    func wait(for position: UInt64) -> Bool {
        wait { $0.entries.last.map { $0.position >= position } ?? (position == 0) }
    }

    private func wait(_ condition: (Seen) -> Bool) -> Bool {
        let deadline = MonotonicInstant.now().adding(milliseconds: Int64(Patience.seconds * 1_000))
        return seen.wait(until: deadline) { condition($0) ? true : nil } ?? false
    }
}
