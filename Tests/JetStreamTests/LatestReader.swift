import Linux
import Replication
import Support
import Time

/// A follower of latest records on a thread of its own, and what it makes of them.
final class LatestReader: Sendable {
    struct Seen {
        /// What is under each key.
        var records: [[UInt8]: [UInt8]] = [:]
        var last = LatestMark(position: 0, at: Timestamp(milliseconds: 0))

        /// How often everything came.
        var beginnings = 0
        var beginningsAnew = 0

        /// How many were missing, each time that all was there.
        var currents: [Int] = []
        var errors: [LogError] = []
        var isOver = false
    }

    private let seen = Monitor(Seen())
    private let follower: any LatestFollower

    init(
        _ records: any LatestRecords, from mark: LatestMark? = nil, of generation: UInt64 = 1
    ) throws {
        follower = try records.follow(from: mark, of: generation)
        _ = try Thread(name: "reader") { self.run() }
    }

    private func run() {
        while true {
            do throws(LogError) {
                var changes: [LatestChange] = []
                let goesOn = try follower.take(upTo: 100, into: &changes)
                seen.change { seen in for change in changes { Self.note(change, &seen) } }
                guard goesOn else { break }
            } catch {
                seen.change { $0.errors.append(error) }
            }
        }
        seen.change { $0.isOver = true }
    }

    private static func note(_ change: LatestChange, _ seen: inout Seen) {
        switch change {
        case .beginning(let isAnew):
            seen.beginnings += 1
            if isAnew { seen.beginningsAnew += 1 }
            seen.records = [:]
        case .record(let record):
            seen.records[record.key] = record.bytes.isEmpty ? nil : record.bytes
            if record.position > seen.last.position { seen.last = record.mark }
        case .current(let mark, let missing):
            seen.last = mark
            seen.currents.append(missing)
        }
    }

    func end() { follower.end() }

    var found: Seen { seen.look { $0 } }

    func wait(_ condition: (Seen) -> Bool) -> Bool {
        let deadline = MonotonicInstant.now().adding(milliseconds: Int64(Patience.seconds * 1_000))
        return seen.wait(until: deadline) { condition($0) ? true : nil } ?? false
    }

    func waitUntilCurrent() -> Bool { wait { !$0.currents.isEmpty } }

    func wait(for position: UInt64) -> Bool { wait { $0.last.position >= position } }
}

/// The answers to puts, as they come.
final class PutAnswers: Sendable {
    private let all = Monitor<[Result<UInt64, AppendError>]>([])

    func put(
        _ record: String,
        under key: [UInt8],
        forSeconds seconds: UInt32? = nil,
        to records: any LatestRecords
    ) {
        records.put(Array(record.utf8), under: key, forSeconds: seconds) { result in
            self.all.change { $0.append(result) }
        }
    }

    /// Puts one, and waits for its position; `nil` when it failed.
    @discardableResult
    func putNow(
        _ record: String,
        under key: [UInt8],
        forSeconds seconds: UInt32? = nil,
        to records: any LatestRecords
    ) -> UInt64? {
        let count = all.look { $0.count }
        put(record, under: key, forSeconds: seconds, to: records)
        return wait(for: count + 1).last.flatMap { try? $0.get() }
    }

    func wait(for count: Int) -> [Result<UInt64, AppendError>] {
        let deadline = MonotonicInstant.now().adding(milliseconds: Int64(Patience.seconds * 1_000))
        return all.wait(until: deadline) { $0.count >= count ? $0 : nil } ?? all.look { $0 }
    }
}
