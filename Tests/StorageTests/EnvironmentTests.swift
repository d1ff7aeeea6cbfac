import Glibc
import Storage
import TestFiles
import Testing

@Suite struct EnvironmentTests {
    private let directory = TemporaryDirectory()

    private var path: String { "\(directory.path)/store" }

    @Test("An environment makes its directory with mode 0700 and its files with mode 0600")
    func modes() throws {
        let environment = try Environment(path: path, mapSizeBytes: 1 << 20)
        try environment.copy(to: "\(directory.path)/copy")
        #expect(mode(of: path) == 0o700)
        for file in ["data.mdb", "owner.lock"] {
            #expect(mode(of: "\(path)/\(file)") == 0o600)
        }
        #expect(mode(of: "\(directory.path)/copy") == 0o700)
        #expect(mode(of: "\(directory.path)/copy/data.mdb") == 0o600)
    }

    @Test(
        "A closed environment can be opened again while a child not yet executed has its descriptors"
    )
    func lockOutlivedByCopy() throws {
        var copy: Int32 = -1
        do {
            let environment = try Environment(path: path, mapSizeBytes: 1 << 20)
            // What a child process holds between fork(2) and execve(2).
            copy = dup(try #require(descriptor(of: "\(environment.path)/owner.lock")))
        }
        defer { close(copy) }
        #expect(throws: Never.self) { _ = try Environment(path: path, mapSizeBytes: 1 << 20) }
    }

    /// The descriptor under which this process has the file open.
    private func descriptor(of file: String) -> Int32? {
        var wanted = stat()
        var figures = stat()
        // Safe: `stat` and `fstat` fill their structure during the call.
        guard unsafe stat(file, &wanted) == 0 else { return nil }
        return (0..<20_000).first { number in
            unsafe fstat(number, &figures) == 0 && figures.st_dev == wanted.st_dev
                && figures.st_ino == wanted.st_ino
        }
    }

    @Test("Opening a path twice in one process is an error that says so, by whatever name")
    func twice() throws {
        do {
            let environment = try Environment(path: path, mapSizeBytes: 1 << 20)
            let other = "\(directory.path)/./store"
            #expect(throws: StoreError.alreadyOpen(path: other)) {
                _ = try Environment(path: other, mapSizeBytes: 1 << 20)
            }
            #expect(StoreError.alreadyOpen(path: "p").description.contains("in this process"))
            withExtendedLifetime(environment) {}
        }
        _ = try Environment(path: path, mapSizeBytes: 1 << 20)
    }

    @Test("A directory that is removed while it is open keeps no other one from being opened")
    func removed() throws {
        let environment = try Environment(path: path, mapSizeBytes: 1 << 20)
        let files = ["data.mdb", "owner.lock", "lock.mdb"]
        // Safe: the C functions read the paths during the call.
        for file in files { _ = unsafe unlink("\(path)/\(file)") }
        #expect(unsafe rmdir(path) == 0)
        // One of these would have the inode that has become free.
        for number in 1...20 {
            #expect(throws: Never.self) {
                _ = try Environment(
                    path: "\(directory.path)/other\(number)", mapSizeBytes: 1 << 20)
            }
        }
        withExtendedLifetime(environment) {}
    }

    @Test("An environment that cannot be opened says what failed, and its path is free again")
    func unopenable() throws {
        let missing = "\(directory.path)/no/store"
        #expect(throws: StoreError.system(code: ENOENT, operation: "mkdir \(missing)")) {
            _ = try Environment(path: missing, mapSizeBytes: 1 << 20)
        }
        _ = try Environment(path: path, mapSizeBytes: 1 << 20)
        let descriptor = unsafe open("\(path)/data.mdb", O_WRONLY | O_TRUNC)
        _ = unsafe write(descriptor, "this is no LMDB file", 20)
        close(descriptor)
        for _ in 1...2 {
            let error = #expect(throws: StoreError.self) {
                _ = try Environment(path: path, mapSizeBytes: 1 << 20)
            }
            #expect(error?.description.contains("mdb_env_open") == true)
        }
    }

    @Test("A copy is a store with the same records, and does not replace one that is there")
    func copy() throws {
        let environment = try Environment(path: path, mapSizeBytes: 1 << 24)
        let table = try Table<UInt64, Text>("t", in: environment)
        try environment.write { transaction throws(StoreError) in
            for number in 0..<1_000 as Range<UInt64> {
                try table.put(number, Text("\(number)"), in: transaction)
            }
        }
        let target = "\(directory.path)/copy"
        try environment.copy(to: target)
        #expect(throws: StoreError.system(code: EEXIST, operation: "copy to \(target)/data.mdb")) {
            try environment.copy(to: target)
        }
        let copied = try Environment(path: target, mapSizeBytes: 1 << 24)
        let sameTable = try Table<UInt64, Text>("t", in: copied)
        let (count, last) = try copied.read { transaction throws(StoreError) in
            (try sameTable.count(in: transaction), try sameTable.last(in: transaction))
        }
        #expect(count == 1_000 && last?.record == "999")
    }

    @Test("More tables than the environment was opened for is an error")
    func tableLimit() throws {
        let environment = try Environment(path: path, mapSizeBytes: 1 << 20, maximumTables: 1)
        _ = try Table<UInt64, Text>("one", in: environment)
        _ = try Table<UInt64, Text>("one", in: environment)
        #expect(throws: StoreError.self) { _ = try Table<UInt64, Text>("two", in: environment) }
    }

    @Test("Figures tell the map's size and that writing uses it")
    func figures() throws {
        let environment = try Environment(path: path, mapSizeBytes: 1 << 22)
        let before = environment.figures
        let table = try Table<UInt64, Text>("t", in: environment)
        try environment.write { transaction throws(StoreError) in
            try table.put(1, Text(String(repeating: "x", count: 100_000)), in: transaction)
        }
        let after = environment.figures
        #expect(before.mapSizeBytes == 1 << 22)
        #expect(after.mapUsedBytes >= before.mapUsedBytes + 100_000)
        #expect(after.lastTransaction > before.lastTransaction)
    }
}
