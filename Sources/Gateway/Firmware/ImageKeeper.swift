import Ledger
import Linux
import Synchronization

/// What a gateway knows about files of firmware images: which it should have, and which may go.
final class ImageKeeper: Sendable {
    let files: FirmwareFiles

    /// Whether a file that is missing may come from another node.
    private let hasPeers: Bool
    private let hasNews = Atomic(true)
    private let state: Mutex<State>

    private struct State {
        /// Files of images that the books had when they were last looked at.
        var known: Set<UInt64> = []

        /// What was in the directory at the start: uploads that come since are not among them.
        var leftovers: [String]

        /// What the log was told last, of each file, or of none.
        var troubles: [UInt64?: String] = [:]

        /// Nodes whose bytes of a file are not the image's.
        var damaged: [UInt64: Set<NodeName>] = [:]
    }

    init(_ files: FirmwareFiles, hasPeers: Bool) {
        self.files = files
        self.hasPeers = hasPeers
        var leftovers: [String] = []
        do throws(FileError) {
            leftovers = try files.names()
        } catch {
            // Whatever is wrong with the directory, the first file that comes is told.
        }
        state = Mutex(State(leftovers: leftovers))
    }

    func hear(_ change: Change) {
        switch change {
        case .firmware(.added), .firmware(.deleted), .products(.deleted):
            hasNews.store(true, ordering: .relaxed)
        case .accounts, .packages, .products, .codes, .imports, .devices, .metadata, .upgrades,
            .keys, .limits, .productSecrets, .cluster, .webhooks, .alerts, .authorities, .clock,
            .corrections, .topUps, .firmware(.offered), .firmware(.explained), .campaigns:
            break
        }
    }

    /// Whether images came or went since this was asked last.
    func takeNews() -> Bool { hasNews.exchange(false, ordering: .relaxed) }

    /// Removes the files of images that are gone; answers the images whose files are missing.
    ///
    /// - Parameter isCaughtUp: the books have all that was in the log when the node started: what they don't know
    ///   is gone, too.
    func sort(
        _ images: [FirmwareImage], isCaughtUp: Bool
    ) throws(FileError) -> [FirmwareImage] {
        let files = Set(images.map(\.record.file))
        let (gone, leftovers) = state.withLock { state in
            let gone = state.known.subtracting(files)
            state.known = files
            guard isCaughtUp else { return (gone, [String]()) }
            defer { state.leftovers = [] }
            return (gone, state.leftovers)
        }
        do throws(FileError) {
            for file in gone { try self.files.remove(file) }
            try self.files.remove(leftovers, butOf: files, keepsParts: hasPeers)
        } catch {
            // What is there still goes the next time.
            state.withLock { state in
                state.known.formUnion(gone)
                state.leftovers += leftovers
            }
            throw error
        }
        return images.filter { !self.files.has($0.record) }
    }

    // MARK: Troubles

    /// Whether the log has to be told: it was told of something else last.
    func isNew(_ trouble: String, of file: UInt64?) -> Bool {
        state.withLock { $0.troubles.updateValue(trouble, forKey: file) != trouble }
    }

    /// The node's bytes of that file are not the image's.
    func distrust(_ node: NodeName, _ file: UInt64) {
        state.withLock { _ = $0.damaged[file, default: []].insert(node) }
    }

    func isTrusted(_ node: NodeName, _ file: UInt64) -> Bool {
        state.withLock { $0.damaged[file]?.contains(node) != true }
    }

    /// What was wrong may be mended.
    func forgetTroubles() {
        state.withLock { state in
            state.troubles = [:]
            state.damaged = [:]
        }
    }
}

/// An image's file while it comes from another node: what has come is kept, so that another run goes on behind it.
struct ImagePart {
    private let image: FirmwareRecord
    private let files: FirmwareFiles
    private let file: RandomAccessFile

    /// How many bytes have come.
    private(set) var count: Int

    /// How many are to come.
    var missingCount: Int { Int(image.size.bytes) - count }

    init(of image: FirmwareRecord, in files: FirmwareFiles) throws(FileError) {
        self.image = image
        self.files = files
        try FileSystem.createDirectory(files.directory, mode: 0o700)
        let path = files.partPath(of: image.file)
        do throws(FileError) {
            file = try RandomAccessFile(path, for: .writing)
        } catch  where error.code == .noSuchFile {
            file = try RandomAccessFile(path, for: .creating)
        }
        count = try file.size()
        if missingCount < 0 { try begin() }
    }

    private mutating func begin() throws(FileError) {
        try file.truncate(to: 0)
        count = 0
    }

    mutating func append(_ bytes: [UInt8]) throws(FileError) {
        try file.write(bytes.span, at: count)
        count += bytes.count
    }

    /// Has the whole file take its place. False, and nothing is left of it, when its bytes are not the image's.
    mutating func finish() throws(FileError) -> Bool {
        precondition(missingCount == 0)
        guard try FirmwareFiles.digest(of: file, count) == image.digest else {
            try begin()
            return false
        }
        try file.sync()
        try files.finish(image.file)
        return true
    }
}
