import Storage
import Synchronization
import TestFiles
import Testing

/// Entries that are written in the order of a log.
@Suite struct OrderedWriterTests {
    private final class Counts: Sendable {
        let applied = Atomic(0)
        let written = Atomic(0)
        let failures = Atomic(0)
        let isTaken = Atomic(false)
    }

    /// Writes records of these sizes, in bytes, that wait at once, into a store of 1 MB. Gives up at the first one that
    /// does not fit.
    private func write(_ sizes: [Int]) throws -> Counts {
        let directory = TemporaryDirectory()
        let environment = try Environment(path: directory.path, mapSizeBytes: 1 << 20)
        let table = try Table<UInt64, Text>("t", in: environment)
        let counts = Counts()
        let source = OrderedWriter<Int, Int>.Source(
            take: { _, waiting in
                guard !counts.isTaken.exchange(true, ordering: .relaxed) else { return false }
                waiting = Array(sizes.indices)
                return true
            },
            didCommit: { batch, _ in counts.written.add(batch.count, ordering: .relaxed) },
            didFail: { _ in
                counts.failures.add(1, ordering: .relaxed)
                return false
            })
        let writer = try OrderedWriter<Int, Int>(environment, maximumBatch: 512, source: source) {
            (number, transaction) throws(StoreError) in
            counts.applied.add(1, ordering: .relaxed)
            let text = Text(String(repeating: "x", count: sizes[number]))
            try table.put(UInt64(number), text, in: transaction)
            return number
        }
        writer.join()
        let transaction = try ReadTransaction(in: environment)
        #expect(try table.count(in: transaction) == counts.written.load(ordering: .relaxed))
        return counts
    }

    @Test(
        "what fits into a store is written, and few of the entries are tried more often than once")
    func full() throws {
        // Some 100 of them fit.
        let counts = try write(Array(repeating: 8_000, count: 256))
        let written = counts.written.load(ordering: .relaxed)
        #expect(written > 32 && written < 256)
        #expect(counts.failures.load(ordering: .relaxed) == 1)
        #expect(counts.applied.load(ordering: .relaxed) < 4 * 256)
    }

    @Test(
        "an entry that does not fit is told, wherever it stands among those that wait",
        .timeLimit(.minutes(1)), arguments: 1...9)
    func unwritable(count: Int) throws {
        for place in 0..<count {
            var sizes = Array(repeating: 8, count: count)
            sizes[place] = 1 << 21
            let counts = try write(sizes)
            #expect(counts.written.load(ordering: .relaxed) == place, "\(place) of \(count)")
            #expect(counts.failures.load(ordering: .relaxed) == 1, "\(place) of \(count)")
        }
    }
}
