import Glibc
import TestFiles
import Testing

@testable import Storage

/// Opening an environment again, and growing it, while threads read and write.
@Suite struct ReopeningTests {
    private let directory = TemporaryDirectory()

    private var path: String { "\(directory.path)/store" }

    private func filled(_ environment: Environment) throws -> Table<UInt64, Text> {
        let other = try Table<UInt64, Text>("other", in: environment)
        let table = try Table<UInt64, Text>("t", in: environment)
        try environment.write { transaction throws(StoreError) in
            for number in 0..<1_000 as Range<UInt64> {
                try table.put(number, Text("\(number)"), in: transaction)
                try other.put(number, Text("other"), in: transaction)
            }
        }
        return table
    }

    @Test(
        "After a reopening, tables and kept readers are as good as before, and read what was committed"
    )
    func reopened() throws {
        let environment = try Environment(path: path, mapSizeBytes: 1 << 24)
        let table = try filled(environment)
        var reader = try CachedReader(environment)
        for round in 0..<5 as Range<UInt64> {
            try environment.reopen(after: environment.generation)
            let found = try reader.withTransaction { transaction throws(StoreError) in
                try table.get(999, in: transaction)
            }
            #expect(found == "999")
            try environment.write { transaction throws(StoreError) in
                try table.put(1_000 + round, Text("new"), in: transaction)
            }
        }
        #expect(environment.figures.reopenings == 5)
        let count = try reader.withTransaction { transaction throws(StoreError) in
            try table.count(in: transaction)
        }
        #expect(count == 1_005)
        #expect(environment.figures.readers <= 2)
    }

    @Test("Threads that read and write notice nothing of reopenings and growth, but that they wait")
    func crowd() async throws {
        let environment = try Environment(
            path: path, mapSizeBytes: 1 << 22, maximumMapSizeBytes: 1 << 26)
        let table = try filled(environment)
        await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<3 as Range<UInt64> {
                group.addTask {
                    var reader = try CachedReader(environment)
                    for number in 0..<3_000 as Range<UInt64> {
                        let key = (number * 7 + task) % 1_000
                        let found = try reader.withTransaction { transaction throws(StoreError) in
                            try table.get(key, in: transaction)
                        }
                        #expect(found == Text("\(key)"))
                    }
                }
                group.addTask {
                    for number in 0..<100 as Range<UInt64> {
                        try environment.write { transaction throws(StoreError) in
                            try table.put(
                                10_000 + task << 20 + number, Text("new"), in: transaction)
                        }
                        _ = environment.figures
                    }
                }
            }
            for round in 0..<20 {
                do {
                    try environment.reopen(after: environment.generation)
                    if round % 5 == 0 { environment.grow() }
                } catch {
                    Issue.record(error)
                }
                usleep(2_000)
            }
        }
        let count = try environment.read { transaction throws(StoreError) in
            try table.count(in: transaction)
        }
        #expect(count == 1_300)
        #expect(environment.figures.mapSizeBytes == 1 << 26)
    }

    @Test("A long read lets go when the store has to be opened again, with an error that says so")
    func longRead() async throws {
        let environment = try Environment(path: path, mapSizeBytes: 1 << 24)
        let table = try filled(environment)
        let isReading = Semaphore()
        let reading = Task.detached { () -> StoreError? in
            do throws(StoreError) {
                try environment.read { transaction throws(StoreError) in
                    isReading.signal()
                    while true {
                        try table.forEach(in: transaction) { _, _ in .proceed }
                    }
                }
                return nil
            } catch {
                return error
            }
        }
        isReading.wait()
        try environment.reopen(after: environment.generation)
        let error = await reading.value
        #expect(error == .system(code: EINTR, operation: "reading while the store is opened again"))
        let count = try environment.read { transaction throws(StoreError) in
            try table.count(in: transaction)
        }
        #expect(count == 1_000)
    }

    @Test(
        "A copy under way is called off with an error that says so, and leaves nothing; the next one is whole"
    )
    func copies() async throws {
        let environment = try Environment(path: path, mapSizeBytes: 1 << 26)
        let table = try filled(environment)
        try environment.write { transaction throws(StoreError) in
            for number in 0..<2_000 as Range<UInt64> {
                try table.put(
                    1 << 20 + number, Text(String(repeating: "x", count: 10_000)), in: transaction)
            }
        }
        let target = directory.path
        let copying = Task.detached { () -> [StoreError] in
            var errors: [StoreError] = []
            for number in 0..<20 {
                do throws(StoreError) {
                    try environment.copy(to: "\(target)/copy\(number)")
                } catch {
                    errors.append(error)
                }
            }
            return errors
        }
        for _ in 0..<20 {
            usleep(20_000)
            try environment.reopen(after: environment.generation)
        }
        let errors = await copying.value
        for error in errors {
            let calledOff = "copying while the store is opened again"
            #expect(error == .system(code: EINTR, operation: calledOff))
        }
        var whole = 0
        for number in 0..<20 {
            let copy = "\(target)/copy\(number)"
            guard unsafe access("\(copy)/data.mdb", F_OK) == 0 else {
                #expect(unsafe access("\(copy)/data.mdb.partial", F_OK) != 0)
                continue
            }
            whole += 1
            let copied = try Environment(path: copy, mapSizeBytes: 1 << 26)
            let sameTable = try Table<UInt64, Text>("t", in: copied)
            let count = try copied.read { transaction throws(StoreError) in
                try sameTable.count(in: transaction)
            }
            #expect(count == 3_000)
        }
        #expect(whole == 20 - errors.count)
    }

    @Test("A map that fills up grows in place as far as it may, and is full after that")
    func growth() throws {
        let environment = try Environment(
            path: path, mapSizeBytes: 1 << 18, maximumMapSizeBytes: 1 << 20)
        let table = try Table<UInt64, Text>("t", in: environment)
        let writer = try GroupWriter<UInt64, Void>(environment) {
            number, transaction throws(StoreError) in
            try table.put(number, Text(String(repeating: "x", count: 10_000)), in: transaction)
        }
        defer { writer.shutdown() }
        var written = 0
        var failure: StoreError?
        while failure == nil {
            let answers = Answers<Void>()
            writer.submit(UInt64(written), completion: answers.note(0))
            #expect(answers.wait(for: 1))
            failure = answers.failure(of: 0)
            if failure == nil { written += 1 }
        }
        #expect(failure == .mapFull)
        #expect(environment.figures.mapSizeBytes == 1 << 20)
        #expect(written * 12_288 > (1 << 20) * 8 / 10)
        let count = try environment.read { transaction throws(StoreError) in
            try table.count(in: transaction)
        }
        #expect(count == written)
    }

    @Test("A migration that wants more than the map has gets it, as far as the map may grow")
    func migration() throws {
        let format = StoreFormat(migrations: [
            .init("large") { transaction throws(StoreError) in
                let table = try Table<UInt64, Text>("t", in: transaction)
                for number in 0..<50 as Range<UInt64> {
                    try table.put(
                        number, Text(String(repeating: "x", count: 10_000)), in: transaction)
                }
            }
        ])
        func store(maximum: Int) throws -> Environment {
            let environment = try Environment(
                path: "\(path)-\(maximum)", mapSizeBytes: 1 << 18, maximumMapSizeBytes: maximum)
            _ = try Table<UInt64, Text>("t", in: environment)
            return environment
        }
        let small = try store(maximum: 0)
        #expect(throws: StoreError.mapFull) { try format.migrate(small) }
        #expect(try format.require(in: small) == 1)
        let large = try store(maximum: 1 << 22)
        #expect(try format.migrate(large) == 1)
        #expect(try format.require(in: large) == 2)
    }

    @Test("More readers than there are slots are refused, and one that goes makes room")
    func readersFull() throws {
        let environment = try Environment(
            path: path, mapSizeBytes: 1 << 20, maximumReaders: 4, memoryDirectories: ["/dev/shm"])
        let slots = environment.figures.maximumReaders
        let table = try filled(environment)
        func fill(_ left: Int) throws -> Int {
            var reader = try CachedReader(environment)
            let deeper: Int
            do throws(StoreError) {
                deeper = try fillOne(left)
            } catch {
                #expect("\(error)".contains("MDB_READERS_FULL"))
                deeper = 0
            }
            _ = try reader.withTransaction { transaction throws(StoreError) in
                try table.count(in: transaction)
            }
            return deeper + 1
        }
        func fillOne(_ left: Int) throws(StoreError) -> Int {
            guard left > 0 else { return 0 }
            do {
                return try fill(left - 1)
            } catch let error as StoreError {
                throw error
            } catch {
                preconditionFailure("\(error)")
            }
        }
        #expect(try fill(slots + 5) == slots)
        #expect(try fill(0) == 1)
    }

    @Test(
        "The reader table is in memory; without memory it is beside the data, with its room taken")
    func readerTable() throws {
        do {
            let environment = try Environment(path: path, mapSizeBytes: 1 << 20)
            #expect(environment.isReaderTableInMemory)
            #expect(unsafe access("\(path)/lock.mdb", F_OK) != 0)
            withExtendedLifetime(environment) {}
        }
        let environment = try Environment(
            path: path, mapSizeBytes: 1 << 20, memoryDirectories: [path])
        #expect(!environment.isReaderTableInMemory)
        var figures = stat()
        #expect(unsafe stat("\(path)/lock.mdb", &figures) == 0)
        #expect(figures.st_blocks * 512 >= figures.st_size)
    }
}
