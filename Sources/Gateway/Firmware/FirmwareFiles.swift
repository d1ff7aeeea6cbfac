public import Cryptography
public import Ledger
public import Linux

/// Where the bytes of firmware images are: a directory of the data directory, with a file for each image, named by a number
/// of its own. A file is there, whole and on the disk, before the books know of its image; what they do not know when the
/// gateway starts is removed.
public struct FirmwareFiles: Sendable {
    public let directory: String

    /// What images leave free for the stores. Unit: bytes.
    public static var reserveBytes: Int { 64 << 20 }

    /// Of a file that is being written.
    private static let partSuffix = ".part"

    /// What is read at once to look at a whole file. Unit: bytes.
    static var pieceLength: Int { 1 << 18 }

    /// - Parameter directory: without a slash at the end. It is made when the first file comes.
    public init(directory: String) { self.directory = directory }

    /// Of a gateway's data directory, or of a backup, which has the same form.
    public init(in data: String) { self.init(directory: "\(data)/firmware") }

    func path(of file: UInt64) -> String { "\(directory)/\(Self.name(of: file))" }

    /// Where the file is while it is being written.
    public func partPath(of file: UInt64) -> String { path(of: file) + Self.partSuffix }

    /// 16 hexadecimal digits.
    private static func name(of file: UInt64) -> String {
        let digits = String(file, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// What is there: files, and parts of files. Nothing when there is no directory.
    func names() throws(FileError) -> [String] {
        do throws(FileError) {
            return try FileSystem.names(in: directory)
        } catch  where error.code == .noSuchFile {
            return []
        }
    }

    /// Removes those of the names that are not of these files: what uploads that a crash has ended have left, and files of
    /// images that are gone.
    ///
    /// - Parameter keepsParts: what has come of one of these files is kept, as more of it may come.
    func remove(
        _ names: [String], butOf files: Set<UInt64>, keepsParts: Bool = false
    ) throws(FileError) {
        var kept = Set(files.map(Self.name(of:)))
        if keepsParts { kept.formUnion(kept.subtracting(names).map { $0 + Self.partSuffix }) }
        for name in names where !kept.contains(name) {
            try FileSystem.remove("\(directory)/\(name)")
        }
    }

    /// Whether the image's file is here: it is not after the books were restored without it, or before it has come from
    /// another node.
    public func has(_ image: FirmwareRecord) -> Bool { open(image) != nil }

    /// `nil` when it is not here, or not of that size.
    public func open(_ image: FirmwareRecord) -> RandomAccessFile? {
        guard let file = open(image.file) else { return nil }
        do throws(FileError) {
            return try file.size() == Int(image.size.bytes) ? file : nil
        } catch {
            return nil
        }
    }

    /// `nil` when it is not here.
    func open(_ file: UInt64) -> RandomAccessFile? {
        do throws(FileError) {
            return try RandomAccessFile(path(of: file), for: .reading)
        } catch {
            return nil
        }
    }

    /// Removes the file, and what has come of it.
    public func remove(_ file: UInt64) throws(FileError) {
        try FileSystem.remove(path(of: file))
        try FileSystem.remove(partPath(of: file))
    }

    /// Another file takes the place of one that is missing.
    public func move(_ file: UInt64, to other: UInt64) throws(FileError) {
        try FileSystem.move(path(of: file), to: path(of: other))
    }

    /// A file that was written beside, and is on the disk, takes its place.
    public func finish(_ file: UInt64) throws(FileError) {
        try FileSystem.move(partPath(of: file), to: path(of: file))
    }

    /// Of the first `size` bytes.
    static func digest(of file: RandomAccessFile, _ size: Int) throws(FileError) -> FirmwareDigest {
        var hash = SHA256()
        var offset = 0
        while offset < size {
            let piece = try file.read(min(pieceLength, size - offset), at: offset)
            if piece.isEmpty { break }
            hash.update(piece.span)
            offset += piece.count
        }
        return FirmwareDigest(hash.finalize())
    }
}

// What other nodes ask for.
extension FirmwareFiles {
    /// What one answer has. Unit: bytes.
    private static var answerLength: Int { 1 << 16 }

    /// From `offset` on; nothing when the file is not here.
    func piece(of file: UInt64, at offset: UInt64) -> [UInt8] {
        guard let opened = open(file), let offset = Int(exactly: offset) else { return [] }
        do throws(FileError) {
            return try opened.read(Self.answerLength, at: offset)
        } catch {
            return []
        }
    }
}

extension FirmwareDigest {
    public init(_ digest: SHA256Digest) {
        guard let value = Self((0..<SHA256Digest.length).map { digest.span[$0] }) else {
            preconditionFailure("a digest has its length")
        }
        self = value
    }
}
