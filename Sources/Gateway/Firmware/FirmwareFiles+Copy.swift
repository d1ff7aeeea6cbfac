import Cryptography
public import Ledger
import Linux
import Storage

// Backups of images, and what is wrong with their files.
extension FirmwareFiles {
    /// What is wrong with an image's file, without a full stop: it is missing, cut short, or has other bytes than the books
    /// say; `nil`: nothing. Reads all of it.
    public func damage(of image: FirmwareRecord) -> String? {
        let path = path(of: image.file)
        do throws(FileError) {
            let file = try RandomAccessFile(path, for: .reading)
            let size = try file.size()
            guard size == Int(image.size.bytes) else {
                return "\(path) has \(size) bytes, not \(image.size.bytes)"
            }
            let digest = try Self.digest(of: file, size)
            return digest == image.digest ? nil : "\(path) is damaged: it has another SHA-256"
        } catch {
            return error.code == .noSuchFile ? "\(path) is missing" : "\(error)"
        }
    }

    /// Copies an image's file. False, and there is no copy, when it is missing or has not the bytes that the books say, or when
    /// the watch has stopped it.
    func copy(
        _ image: FirmwareRecord, to target: FirmwareFiles, _ watch: CopyWatch
    ) throws(FileError) -> Bool {
        guard let file = open(image) else { return false }
        let size = Int(image.size.bytes)
        let path = target.path(of: image.file)
        let copy = try NewFile(path)
        var hash = SHA256()
        var offset = 0
        while offset < size, !watch.isStopped {
            let piece = try file.read(min(Self.pieceLength, size - offset), at: offset)
            if piece.isEmpty { break }
            hash.update(piece.span)
            try copy.append(piece.span)
            offset += piece.count
        }
        guard FirmwareDigest(hash.finalize()) == image.digest else {
            try FileSystem.remove(path)
            return false
        }
        try copy.sync()
        watch.add(size)
        return true
    }
}
