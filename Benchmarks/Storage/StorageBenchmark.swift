import Glibc
import Storage
import Synchronization

/// The module against LMDB itself, on two stores side by side: synced writes in batches, then
/// lookups of random keys.
///
/// `StorageBenchmark DIRECTORY WRITES LOOKUPS`: the directory should be on the disk that counts.
@main
struct StorageBenchmark {
    /// The two take turns, so that a busy disk hurts both.
    nonisolated static let rounds = 16

    nonisolated static func main() throws {
        let arguments = CommandLine.arguments
        precondition(arguments.count == 4, "StorageBenchmark DIRECTORY WRITES LOOKUPS")
        let (directory, writes, lookups) = (arguments[1], Int(arguments[2])!, Int(arguments[3])!)
        unsafe mkdir(directory, 0o700)
        unsafe mkdir("\(directory)/raw", 0o700)
        let raw = RawStore(path: "\(directory)/raw")
        let environment = try Environment(path: "\(directory)/ours", mapSizeBytes: 8 << 30)
        let table = try Table<UInt64, Blob>("records", in: environment)
        let other = try Table<UInt64, Blob>("other", in: environment)
        var keys: [UInt64] = []
        for batch in [64, 512, 64, 512] {
            var (rawSeconds, tableSeconds, ourSeconds) = (0.0, 0.0, 0.0)
            for _ in 0..<rounds {
                let fresh = (0..<writes / rounds).map { _ in UInt64.random(in: 0...UInt64.max) }
                keys += fresh
                rawSeconds += measure { writeRaw(raw, fresh, batch) }
                tableSeconds += try measure { try writeTable(environment, other, fresh, batch) }
                ourSeconds += try measure { try writeGrouped(environment, table, fresh, batch) }
            }
            report("puts in a Table, batch \(batch)", rawSeconds, tableSeconds, writes)
            report("puts by GroupWriter, batch \(batch)", rawSeconds, ourSeconds, writes)
        }
        let wanted = (0..<lookups).map { _ in keys[Int.random(in: 0..<keys.count)] }
        for perSnapshot in [1, 16, 1, 16] {
            let rawSeconds = measure { _ = raw.read(wanted, perSnapshot: perSnapshot) }
            let ourSeconds = try measure { try read(environment, table, wanted, perSnapshot) }
            report("lookups, \(perSnapshot) a snapshot", rawSeconds, ourSeconds, lookups)
        }
    }

    nonisolated static func writeRaw(_ raw: borrowing RawStore, _ keys: [UInt64], _ batch: Int) {
        var record = [UInt8](repeating: 0x55, count: Blob.count)
        var start = 0
        while start < keys.count {
            raw.write(keys[start..<min(start + batch, keys.count)], &record)
            start += batch
        }
    }

    /// The same in our types, on this thread.
    nonisolated static func writeTable(
        _ environment: Environment, _ table: Table<UInt64, Blob>, _ keys: [UInt64], _ batch: Int
    ) throws {
        var start = 0
        while start < keys.count {
            try environment.write { transaction throws(StoreError) in
                for key in keys[start..<min(start + batch, keys.count)] {
                    try table.put(key, Blob(), in: transaction)
                }
            }
            start += batch
        }
    }

    /// All keys through a `GroupWriter`, two batches under way.
    nonisolated static func writeGrouped(
        _ environment: Environment, _ table: Table<UInt64, Blob>, _ keys: [UInt64], _ batch: Int
    ) throws {
        let writer = try GroupWriter<UInt64, Bool>(environment, maximumBatch: batch) {
            (key, transaction) throws(StoreError) in
            try table.put(key, Blob(), in: transaction)
            return true
        }
        let counter = Counter()
        for (index, key) in keys.enumerated() {
            while index - counter.count >= 2 * batch { usleep(20) }
            writer.submit(key) { _ in counter.increment() }
        }
        writer.shutdown()
        precondition(counter.count == keys.count && writer.figures.requestsFailed == 0)
    }

    nonisolated static func read(
        _ environment: Environment, _ table: Table<UInt64, Blob>, _ keys: [UInt64],
        _ perSnapshot: Int
    ) throws {
        var reader = try CachedReader(environment)
        var sum = 0
        var start = 0
        while start < keys.count {
            try reader.withTransaction { transaction throws(StoreError) in
                for key in keys[start..<min(start + perSnapshot, keys.count)] {
                    sum +=
                        try table.withRecord(key, in: transaction) {
                            bytes throws(StoreError) in bytes.count
                        } ?? 0
                }
            }
            start += perSnapshot
        }
        precondition(sum == keys.count * Blob.count)
    }

    nonisolated static func measure(_ body: () throws -> Void) rethrows -> Double {
        let clock = ContinuousClock()
        let time = try clock.measure(body).components
        return Double(time.seconds) + Double(time.attoseconds) * 1e-18
    }

    nonisolated static func report(_ what: String, _ raw: Double, _ ours: Double, _ count: Int) {
        func nanoseconds(_ seconds: Double) -> Int { Int(seconds / Double(count) * 1e9) }
        let ratio = Int(raw / ours * 100)
        print(
            "\(what): raw \(nanoseconds(raw)) ns, ours \(nanoseconds(ours)) ns: \(ratio) % of raw")
    }
}

/// A number that another thread counts up.
final class Counter: Sendable {
    private let value = Atomic<Int>(0)
    var count: Int { value.load(ordering: .acquiring) }
    func increment() { value.add(1, ordering: .releasing) }
}
