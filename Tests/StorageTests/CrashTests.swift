import Glibc
import Storage
import TestFiles
import Testing

@Suite struct CrashTests {
    private let directory = TemporaryDirectory()

    @Test("After kill -9 the store opens with all that was answered, and whole requests only")
    func killed() throws {
        for round in 1...3 {
            let path = "\(directory.path)/\(round)"
            let child = Child("StorageCrashWriter", path, "crash")
            var told = child.lines { $0.count >= 500 * round }
            child.kill()
            told += child.lines { _ in false }
            close(child.output)
            let newest = try #require(told.compactMap { Int64($0) }.max())

            let environment = try Environment(path: path, mapSizeBytes: 1 << 28)
            let table = try Table<Int64, EmptyRecord>("numbers", in: environment)
            var numbers: [Int64] = []
            try environment.read { transaction throws(StoreError) in
                try table.forEach(in: transaction) { number, _ in
                    numbers.append(number)
                    return .proceed
                }
            }
            let last = try #require(numbers.last)
            #expect(last >= newest)
            #expect(numbers == (1...last).reversed().map { -$0 } + Array(1...last))
            try environment.write { transaction throws(StoreError) in
                try table.put(0, EmptyRecord(), in: transaction)
            }
        }
    }

    @Test("A store that another process has open is not opened, and is again once that has ended")
    func ownedByAnother() throws {
        let child = Child("StorageCrashWriter", directory.path, "crash")
        _ = child.lines { $0.count >= 1 }
        #expect(throws: StoreError.ownedByAnotherProcess(path: directory.path)) {
            _ = try Environment(path: directory.path, mapSizeBytes: 1 << 28)
        }
        child.kill()
        close(child.output)
        _ = try Environment(path: directory.path, mapSizeBytes: 1 << 28)
    }

    @Test("On a full disk a request fails with diskFull, and works again when there is space")
    func diskFull() throws {
        let child = Child("StorageCrashWriter", directory.path, "full")
        let told = child.lines { _ in false }
        child.kill()
        close(child.output)
        #expect(told == ["full", "recovered"])
    }
}
