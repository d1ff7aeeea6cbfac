import Ledger
import Linux
import Storage
import Synchronization
public import Time

/// Makes backups of the stores, one at a time, each on a thread of its own, while they are read and
/// written; remembers how the last ones went.
public final class Backups: Sendable {
    private struct Entry: Sendable {
        var backup: Backup
        let idempotencyKey: String?
        let watch: CopyWatch
    }

    private struct State {
        var entries: [Entry] = []
        var nextID: UInt64 = 1
        var isStopped = false

        /// Of the backup under way, or of the last one.
        var thread: Thread?

        /// Of the snapshot under way.
        var snapshot: CopyWatch?
    }

    private let stores: Stores
    private let places: BackupPlaces
    private let log: GatewayLog?
    private let now: @Sendable () -> Timestamp
    private let state = Mutex(State())

    /// How many are remembered.
    private static var kept: Int { 100 }

    /// Bytes that are left free on the file system: it may be the one the stores live on.
    static var reserveBytes: Int { 64 << 20 }

    /// - Parameters:
    ///   - places: where backups may go.
    ///   - now: the clock that times are taken from.
    ///   - log: is told when one begins and ends.
    public init(
        of stores: Stores,
        in places: BackupPlaces,
        log: GatewayLog? = nil,
        now: @escaping @Sendable () -> Timestamp
    ) {
        self.stores = stores
        self.places = places
        self.log = log
        self.now = now
    }

    /// The last ones, the newest first.
    public var all: [Backup] {
        state.withLock { state in state.entries.reversed().map { Self.current($0) } }
    }

    /// `nil` when there is none of that number, or it was too long ago.
    public func backup(_ id: UInt64) -> Backup? {
        state.withLock { state in
            state.entries.first { $0.backup.id == id }.map { Self.current($0) }
        }
    }

    /// Begins a backup of both stores, as they are from now on, and of the firmware images that its books know:
    /// everything that was acknowledged before is in it. Throws when it can't be made there; what goes
    /// wrong later is in `backup`.
    ///
    /// - Parameters:
    ///   - directory: absolute; must not be there, or be empty.
    ///   - idempotencyKey: a second request with the same key is answered with the same backup.
    public func start(
        in directory: String,
        idempotencyKey: String? = nil
    ) throws(BackupProblem) -> Backup {
        if let earlier = earlier(idempotencyKey) {
            guard earlier.directory == FileSystem.resolved(directory) else { throw .keyReused }
            return earlier
        }
        let target = try BackupTarget(directory, in: places)
        return try begin(target, requireSpace(at: target), idempotencyKey)
    }

    /// Ends the backup under way, which fails, and takes no more.
    public func stop() {
        let thread = state.withLock { state in
            state.isStopped = true
            for entry in state.entries where entry.backup.state == .running { entry.watch.stop() }
            state.snapshot?.stop()
            defer { state.thread = nil }
            return state.thread
        }
        thread?.join()
    }

    /// Copies the books alone, as they are from now on, on the calling thread: what another node of a cluster can begin
    /// with. The copy is in the data directory until it is whole, and then has no name.
    public func snapshot() throws(BackupProblem) -> BooksSnapshot {
        let directory = places.snapshot
        let watch = try beginSnapshot(in: directory)
        defer { state.withLock { $0.snapshot = nil } }
        do {
            // What one that was cut off has left.
            Self.removeSnapshot(directory)
            defer { Self.removeSnapshot(directory) }
            let environment = stores.ledger.environment
            let (expected, free) = (
                try environment.copyBytes(),
                try FileSystem.freeBytes(at: FileSystem.parent(of: directory))
            )
            guard expected + Self.reserveBytes <= free else {
                throw BackupProblem.noSpace(
                    directory: directory, neededBytes: expected, freeBytes: free)
            }
            try environment.copy(to: directory, watch: watch)
            return try BooksSnapshot(takenFrom: directory, mapSizeBytes: environment.mapSizeBytes)
        } catch let problem as BackupProblem {
            throw problem
        } catch {
            throw watch.isStopped ? .stopping : .failed("\(directory): \(error)")
        }
    }

    /// One at a time.
    private func beginSnapshot(in directory: String) throws(BackupProblem) -> CopyWatch {
        let watch = CopyWatch()
        let problem = state.withLock { state -> BackupProblem? in
            if state.isStopped { return .stopping }
            if state.snapshot != nil { return .running(directory: directory) }
            state.snapshot = watch
            return nil
        }
        if let problem { throw problem }
        return watch
    }

    private static func removeSnapshot(_ directory: String) {
        for name in ["data.mdb", "data.mdb.partial", "lock.mdb", "owner.lock"] {
            try? FileSystem.remove("\(directory)/\(name)")
        }
        try? FileSystem.removeDirectory(directory)
    }

    private func earlier(_ idempotencyKey: String?) -> Backup? {
        guard let idempotencyKey else { return nil }
        return state.withLock { state in
            state.entries.first { $0.idempotencyKey == idempotencyKey }.map { Self.current($0) }
        }
    }

    /// With what is known of one that runs.
    private static func current(_ entry: Entry) -> Backup {
        var backup = entry.backup
        if backup.state == .running { backup.bytes = entry.watch.bytes }
        return backup
    }

    private func requireSpace(at target: BackupTarget) throws(BackupProblem) -> Int {
        do {
            let expected = try stores.copyBytes()
            let free = try FileSystem.freeBytes(at: FileSystem.parent(of: target.path))
            guard expected + Self.reserveBytes <= free else {
                throw BackupProblem.noSpace(
                    directory: target.path, neededBytes: expected, freeBytes: free)
            }
            return expected
        } catch let problem as BackupProblem {
            throw problem
        } catch {
            throw .failed("\(error)")
        }
    }

    private func begin(
        _ target: BackupTarget,
        _ expectedBytes: Int,
        _ idempotencyKey: String?
    ) throws(BackupProblem) -> Backup {
        let startedAt = now()
        let result = state.withLock { state -> Result<Backup, BackupProblem> in
            if state.isStopped { return .failure(.stopping) }
            if let running = state.entries.first(where: { $0.backup.state == .running }) {
                return .failure(.running(directory: running.backup.directory))
            }
            let watch = CopyWatch()
            let backup = Backup(
                id: state.nextID,
                directory: target.path,
                startedAt: startedAt,
                expectedBytes: expectedBytes
            )
            do throws(Errno) {
                state.thread = try Thread(name: "backup") { [self] in
                    finish(
                        backup.id, Result { () throws(BackupProblem) in try make(target, watch) })
                }
            } catch {
                return .failure(.failed("starting a thread: \(error)"))
            }
            state.nextID += 1
            state.entries.append(
                Entry(backup: backup, idempotencyKey: idempotencyKey, watch: watch))
            if state.entries.count > Self.kept { state.entries.removeFirst() }
            return .success(backup)
        }
        let backup = try result.get()
        log?.say(.info, "a backup was begun", .init("directory", backup.directory))
        return backup
    }

    /// What a backup that was made has.
    private struct Made {
        /// The number of its last event.
        let lastEvent: UInt64
        let bytes: Int

        /// Images that its books know, and whose files were missing, or damaged.
        let lacking: [FirmwareImage]
    }

    private func finish(_ id: UInt64, _ result: Result<Made, BackupProblem>) {
        let finishedAt = now()
        switch result {
        case .success(let made):
            log?.say(.info, "a backup was made", .init("bytes", "\(made.bytes)"))
            for image in made.lacking {
                log?.say(
                    .warning, "a backup lacks a firmware image: it is missing, or damaged",
                    .init("product", image.product.text), .init("firmware", image.version.text))
            }
        case .failure(let problem):
            log?.say(.error, "a backup has failed", .init("error", "\(problem)"))
        }
        state.withLock { state in
            guard let index = state.entries.firstIndex(where: { $0.backup.id == id }) else {
                return
            }
            state.entries[index].backup.finishedAt = finishedAt
            switch result {
            case .success(let made):
                state.entries[index].backup.state = .done
                state.entries[index].backup.lastEvent = made.lastEvent
                state.entries[index].backup.bytes = made.bytes
                state.entries[index].backup.imagesLacking = made.lacking.count
            case .failure(let problem):
                state.entries[index].backup.state = .failed
                state.entries[index].backup.bytes = state.entries[index].watch.bytes
                state.entries[index].backup.problem = "\(problem)"
            }
        }
    }

    // MARK: On the backup's thread

    private func make(
        _ target: BackupTarget,
        _ watch: CopyWatch
    ) throws(BackupProblem) -> Made {
        do throws(FileError) {
            try FileSystem.createNewDirectory(target.partial, mode: 0o700)
        } catch {
            throw error.code == .alreadyExists
                ? .failed(
                    "\(target.partial) is there: another backup is under way, or was cut off; "
                        + "remove it")
                : .failed("\(error)")
        }
        do {
            // In front of the books, so that an image that is deleted meanwhile is still there to be copied when they
            // know it, and behind them those that they know besides.
            _ = try copy(stores.knownImages(), to: target.partial, watch)
            try stores.copy(to: target.partial, watch: watch)
            let (lastEvent, images) = try contents(of: target.partial)
            let lacking = try copy(images, to: target.partial, watch)
            try removeImages(but: images, from: target.partial)
            if watch.isStopped { throw BackupProblem.stopping }
            try FileSystem.sync(directory: target.partial)
            try FileSystem.move(target.partial, to: target.path)
            return Made(lastEvent: lastEvent, bytes: watch.bytes, lacking: lacking)
        } catch {
            Self.remove(target.partial)
            throw watch.isStopped ? .stopping : .failed("\(target.path): \(error)")
        }
    }

    /// Opens the copy of the books, which shows that it can be, and leaves only the copy behind. Answers the number of its
    /// last event, and its images.
    private func contents(of directory: String) throws -> (UInt64, [FirmwareImage]) {
        let path = "\(directory)/ledger"
        let contents = try Self.contents(
            of: path, mapSizeBytes: stores.ledger.environment.mapSizeBytes)
        for name in ["lock.mdb", "owner.lock"] { try FileSystem.remove("\(path)/\(name)") }
        try FileSystem.sync(directory: path)
        return contents
    }

    private static func contents(
        of path: String, mapSizeBytes: Int
    ) throws -> (UInt64, [FirmwareImage]) {
        let environment = try Environment(
            path: path,
            mapSizeBytes: mapSizeBytes,
            maximumTables: Books.tableCount
        )
        let books = try Books(in: environment)
        return try environment.read { transaction throws(StoreError) in
            (
                try books.lastSequence(in: transaction), try books.images(in: transaction)
            )
        }
    }

    /// Copies the files of these images that are not there yet. Answers those that are missing, or damaged.
    private func copy(
        _ images: [FirmwareImage], to directory: String, _ watch: CopyWatch
    ) throws -> [FirmwareImage] {
        guard let files = stores.images, !images.isEmpty else { return [] }
        let copies = FirmwareFiles(in: directory)
        try FileSystem.createDirectory(copies.directory, mode: 0o700)
        var lacking: [FirmwareImage] = []
        for image in images where !watch.isStopped && !copies.has(image.record) {
            if try !files.copy(image.record, to: copies, watch) { lacking.append(image) }
        }
        return lacking
    }

    /// Those that were deleted before the books were copied go; the names of the others are on the disk afterwards.
    private func removeImages(but images: [FirmwareImage], from directory: String) throws {
        let copies = FirmwareFiles(in: directory)
        let names = try copies.names()
        guard !names.isEmpty else { return }
        try copies.remove(names, butOf: Set(images.map(\.record.file)))
        try FileSystem.sync(directory: copies.directory)
    }

    /// What a backup that failed has left. What can't be removed, the next one there finds and names.
    private static func remove(_ partial: String) {
        for store in ["usage", "ledger"] {
            for name in ["data.mdb", "data.mdb.partial", "lock.mdb", "owner.lock"] {
                try? FileSystem.remove("\(partial)/\(store)/\(name)")
            }
            try? FileSystem.removeDirectory("\(partial)/\(store)")
        }
        let images = FirmwareFiles(in: partial)
        if let names = try? images.names() { try? images.remove(names, butOf: []) }
        try? FileSystem.removeDirectory(images.directory)
        try? FileSystem.removeDirectory(partial)
    }
}
