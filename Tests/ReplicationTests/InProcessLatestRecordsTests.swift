import Replication
import Synchronization
import Testing
import Time

@Suite struct InProcessLatestRecordsTests {
    private let records = InProcessLatestRecords { Timestamp(seconds: 1_000) }

    @discardableResult
    private func put(_ key: String, _ record: String) -> UInt64? {
        // It answers at once.
        let answer = Mutex<UInt64?>(nil)
        records.put(Array(record.utf8), under: Array(key.utf8), forSeconds: nil) { result in
            answer.withLock { $0 = try? result.get() }
        }
        return answer.withLock { $0 }
    }

    private func take(_ follower: any LatestFollower) throws -> [String] {
        var changes: [LatestChange] = []
        #expect(try follower.take(upTo: 100, into: &changes))
        return changes.map { change in
            switch change {
            case .beginning(let isAnew): isAnew ? "anew" : "beginning"
            case .record(let record):
                String(decoding: record.key + [UInt8(ascii: "=")] + record.bytes, as: UTF8.self)
            case .current(let mark, let missing): "current \(mark.position) \(missing)"
            }
        }
    }

    @Test("A follower gets the latest of each key, in order, and then what comes")
    func follow() throws {
        #expect(put("a", "1") == 1)
        #expect(put("b", "1") == 2)
        #expect(put("a", "2") == 3)
        let follower = try records.follow(from: nil, of: 1)
        #expect(try take(follower) == ["beginning", "b=1", "a=2", "current 3 0"])
        put("b", "")
        #expect(try take(follower) == ["b="])
        #expect(try records.position() == 4)
    }

    @Test("One that was away gets what has changed; one that was away for too long everything")
    func away() throws {
        put("a", "1")
        put("b", "1")
        put("c", "1")
        put("a", "")
        let mark = LatestMark(position: 2, at: Timestamp(seconds: 1_000))
        #expect(try take(records.follow(from: mark, of: 1)) == ["c=1", "a=", "current 4 0"])
        records.forgetDeletions()
        #expect(
            try take(records.follow(from: mark, of: 1)) == [
                "beginning", "b=1", "c=1", "current 4 0",
            ])
        let current = LatestMark(position: 4, at: Timestamp(seconds: 1_000))
        #expect(try take(records.follow(from: current, of: 1)) == ["current 4 0"])
    }

    @Test("Records that end before what was followed were set back")
    func rewound() throws {
        put("a", "1")
        let follower = try records.follow(
            from: LatestMark(position: 2, at: Timestamp(seconds: 1_000)), of: 1)
        var changes: [LatestChange] = []
        #expect(throws: LogError.rewound(last: 1, asked: 2)) {
            _ = try follower.take(upTo: 1, into: &changes)
        }
    }

    @Test("Ended, or closed, it gives nothing more; a key has 1 to 65,535 bytes")
    func ends() throws {
        let follower = try records.follow(from: nil, of: 1)
        #expect(put("", "1") == nil)
        #expect(put(String(repeating: "k", count: 65_536), "1") == nil)
        #expect(put(String(repeating: "k", count: 65_535), "1") == 1)
        follower.end()
        var changes: [LatestChange] = []
        #expect(try !follower.take(upTo: 1, into: &changes))
        records.close()
        #expect(put("a", "1") == nil)
        #expect(throws: LogError.closed) { _ = try records.follow(from: nil, of: 1) }
    }
}
