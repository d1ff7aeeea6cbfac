import Bytes
import Glibc
import Storage
import Synchronization
import TestFiles
import Testing

/// A request of the tests: writes `size` bytes at `number`, or is refused with `error` after that.
private struct Write: Sendable {
    var number: UInt64
    var size = 8
    var error: StoreError?
}

@Suite struct GroupWriterTests {
    private let directory = TemporaryDirectory()

    private func writer(
        _ environment: Environment,
        _ table: Table<UInt64, Text>,
        maximumBatch: Int = 512,
        maximumWaiting: Int = 65_536,
        didCommit: @escaping @Sendable () -> Void = {}
    ) throws(StoreError) -> GroupWriter<Write, UInt64> {
        try GroupWriter(
            environment,
            maximumBatch: maximumBatch,
            maximumWaiting: maximumWaiting,
            didCommit: didCommit
        ) { (write, transaction) throws(StoreError) in
            let record = Text(String(repeating: "x", count: write.size))
            try table.put(write.number, record, in: transaction)
            if let error = write.error { throw error }
            return write.number
        }
    }

    /// An environment whose write lock a test can hold, so that requests wait.
    private func opened(_ mapSizeBytes: Int = 1 << 24) throws(StoreError) -> (
        Environment, Table<UInt64, Text>
    ) {
        let environment = try Environment(path: directory.path, mapSizeBytes: mapSizeBytes)
        return (environment, try Table<UInt64, Text>("t", in: environment))
    }

    @Test(
        "the bell rings after commits, once for those that nobody waited for, until it is ended"
    )
    func bell() async throws {
        let (environment, table) = try opened()
        let bell = CommitBell()
        let writer = try writer(environment, table, didCommit: { bell.ring() })
        var rings = bell.rings().makeAsyncIterator()
        for number in 1...3 as ClosedRange<UInt64> {
            await withCheckedContinuation { continuation in
                writer.submit(Write(number: number)) { _ in continuation.resume() }
            }
        }
        #expect(await rings.next() != nil)
        writer.shutdown()
        bell.end()
        // The third commit may have rung after the first was taken.
        while await rings.next() != nil {}
        var late = bell.rings().makeAsyncIterator()
        #expect(await late.next() == nil)
    }

    private func stored(_ environment: Environment, _ table: Table<UInt64, Text>) throws -> [UInt64]
    {
        try environment.read { transaction throws(StoreError) in
            var numbers: [UInt64] = []
            try table.forEach(in: transaction) { number, _ in
                numbers.append(number)
                return .proceed
            }
            return numbers
        }
    }

    @Test("Requests that wait together are committed together, up to the limit, in order")
    func grouping() throws {
        let (environment, table) = try opened()
        let writer = try writer(environment, table, maximumBatch: 64)
        let answers = Answers<UInt64>()
        let blocker = try WriteTransaction(in: environment)
        for number in 0..<200 {
            writer.submit(Write(number: UInt64(number)), completion: answers.note(number))
        }
        #expect(answers.order.isEmpty)
        try blocker.commit()
        #expect(answers.wait(for: 200))
        #expect(answers.order == Array(0..<200))
        let figures = writer.figures
        #expect(figures.requestsWritten == 200 && figures.requestsFailed == 0)
        #expect(figures.commits <= 6 && figures.largestBatch == 64)
        let numbers = try stored(environment, table)
        #expect(numbers == Array(0..<200))
    }

    @Test("A request that cannot be written fails alone, and leaves nothing")
    func oneBadRequest() throws {
        let (environment, table) = try opened()
        let writer = try writer(environment, table)
        let answers = Answers<UInt64>()
        let bad: Set = [0, 7, 8, 99]
        let blocker = try WriteTransaction(in: environment)
        for number in 0..<100 {
            let error: StoreError? = bad.contains(number) ? .malformed(what: "test") : nil
            writer.submit(
                Write(number: UInt64(number), error: error), completion: answers.note(number))
        }
        try blocker.commit()
        #expect(answers.wait(for: 100))
        #expect(answers.order == Array(0..<100))
        for number in 0..<100 {
            let expected: StoreError? = bad.contains(number) ? .malformed(what: "test") : nil
            #expect(answers.failure(of: number) == expected)
        }
        let numbers = try stored(environment, table)
        #expect(numbers == (0..<100).filter { !bad.contains($0) }.map { UInt64($0) })
        #expect(writer.figures.requestsFailed == 4)
    }

    @Test("A full map fails what does not fit, serves what does, and recovers when there is space")
    func mapFull() throws {
        let (environment, table) = try opened(1 << 20)
        let writer = try writer(environment, table)
        let answers = Answers<UInt64>()
        let blocker = try WriteTransaction(in: environment)
        for number in 0..<20 {
            let size = number == 5 ? 4 << 20 : 100
            writer.submit(
                Write(number: UInt64(number), size: size), completion: answers.note(number))
        }
        try blocker.commit()
        #expect(answers.wait(for: 20))
        #expect(answers.failure(of: 5) == .mapFull)
        #expect((0..<20).filter { answers.failure(of: $0) != nil } == [5])

        var number = 20
        while answers.failure(of: number - 1) == nil {
            let write = Write(number: UInt64(number), size: 60_000)
            writer.submit(write, completion: answers.note(number))
            number += 1
            #expect(answers.wait(for: number))
            if number > 100 { break }
        }
        #expect(answers.failure(of: number - 1) == .mapFull)
        #expect(writer.figures.failure?.isOutOfSpace == true)

        try environment.write { transaction throws(StoreError) in
            try table.deleteAll(in: transaction)
        }
        writer.submit(Write(number: 7, size: 60_000), completion: answers.note(number))
        #expect(answers.wait(for: number + 1))
        #expect(answers.failure(of: number) == nil)
        #expect(writer.figures.failure == nil)
        let numbers = try stored(environment, table)
        #expect(numbers == [7])
    }

    @Test("Over the limit of waiting requests, the next is refused at once")
    func queueLimit() throws {
        let (environment, table) = try opened()
        let writer = try writer(environment, table, maximumWaiting: 3)
        let answers = Answers<UInt64>()
        let blocker = try WriteTransaction(in: environment)
        writer.submit(Write(number: 0), completion: answers.note(0))
        while writer.figures.waiting > 0 { usleep(100) }
        for number in 1...4 {
            writer.submit(Write(number: UInt64(number)), completion: answers.note(number))
        }
        #expect(answers.order == [4] && answers.failure(of: 4) == .queueFull)
        #expect(writer.figures.waiting == 3)
        try blocker.commit()
        #expect(answers.wait(for: 5))
        #expect(answers.order == [4, 0, 1, 2, 3])
    }

    @Test("shutdown answers all that wait, and later requests are refused")
    func shutdown() throws {
        let (environment, table) = try opened()
        let writer = try writer(environment, table)
        let answers = Answers<UInt64>()
        for number in 0..<50 {
            writer.submit(Write(number: UInt64(number)), completion: answers.note(number))
        }
        writer.shutdown()
        #expect(answers.order == Array(0..<50))
        writer.submit(Write(number: 50), completion: answers.note(50))
        #expect(answers.failure(of: 50) == .shutDown)
        writer.shutdown()
    }

    @Test("Requests from many threads are each answered once, with their own reply")
    func manyThreads() async throws {
        let (environment, table) = try opened()
        let writer = try writer(environment, table)
        let wrong = await withTaskGroup(of: Int.self) { group in
            for task in 0..<8 as Range<UInt64> {
                group.addTask {
                    var wrong = 0
                    for number in 0..<50 as Range<UInt64> {
                        let wanted = task << 32 | number
                        let reply = await withCheckedContinuation { continuation in
                            writer.submit(Write(number: wanted)) {
                                continuation.resume(returning: $0)
                            }
                        }
                        if reply != .success(wanted) { wrong += 1 }
                    }
                    return wrong
                }
            }
            return await group.reduce(0, +)
        }
        #expect(wrong == 0)
        let count = try stored(environment, table).count
        #expect(count == 400)
    }
}
