import Storage
import TestFiles
import Testing

@Suite struct SharedEnvironmentTests {
    private let directory = TemporaryDirectory()

    @Test("requests of several stores are committed together, as many as weigh what a commit may")
    func weights() throws {
        let shared = try SharedEnvironment(
            path: directory.path, mapSizeBytes: 1 << 24, maximumBatch: 64)
        let tables = [
            try Table<UInt64, EmptyRecord>("a", in: shared.environment),
            try Table<UInt64, EmptyRecord>("b", in: shared.environment),
        ]
        let answers = Answers<Void>()
        let blocker = try WriteTransaction(in: shared.environment)
        // The last one is too heavy to be with others.
        for (index, weight) in ([30, 30, 30, 30, 4, 1, 100] as [Int]).enumerated() {
            let table = tables[index % 2]
            shared.submit(weight: weight) { transaction throws(StoreError) in
                try table.put(UInt64(index), EmptyRecord(), in: transaction)
            } completion: { result in
                answers.note(index)(result)
            }
        }
        try blocker.commit()
        #expect(answers.wait(for: 7))
        #expect(answers.order == Array(0..<7))
        // The writer may have taken the first alone, before the others came.
        let figures = shared.writerFigures
        #expect(figures.requestsWritten == 7 && (4...5).contains(figures.commits))
        #expect(figures.largestBatch <= 4)
        let counts = try shared.environment.read { transaction throws(StoreError) in
            try [tables[0].count(in: transaction), tables[1].count(in: transaction)]
        }
        #expect(counts == [4, 3])
    }

    @Test("shutdown writes what was submitted, and takes no more")
    func shutdown() throws {
        let shared = try SharedEnvironment(path: directory.path, mapSizeBytes: 1 << 24)
        let table = try Table<UInt64, EmptyRecord>("a", in: shared.environment)
        let answers = Answers<Void>()
        for index in 0..<10 {
            shared.submit(weight: 1) { transaction throws(StoreError) in
                try table.put(UInt64(index), EmptyRecord(), in: transaction)
            } completion: { result in
                answers.note(index)(result)
            }
        }
        shared.shutdown()
        #expect(answers.order == Array(0..<10))
        shared.submit(weight: 1) { _ in
        } completion: { result in
            answers.note(10)(result)
        }
        #expect(answers.failure(of: 10) == .shutDown)
    }
}
