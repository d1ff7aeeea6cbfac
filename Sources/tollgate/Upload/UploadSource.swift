import Foundation

/// A file, or standard input, that is read as it is sent.
final class UploadSource: Sendable {
    private let descriptor: Int32
    private let path: String

    /// In bytes; `nil` when it can't be known before the end.
    let count: Int?

    /// Bytes of one piece.
    private static let pieceLength = 65_536

    /// - Parameter path: `-` is standard input.
    init(_ path: String) throws(Failure) {
        self.path = path
        // Safe: the C function reads the path during the call.
        descriptor = path == "-" ? 0 : unsafe open(path, O_RDONLY | O_CLOEXEC)
        var figures = stat()
        // Safe: `fstat` fills the structure during the call.
        guard descriptor >= 0, unsafe fstat(descriptor, &figures) == 0 else {
            throw Failure(text: "\(path): can't be read", code: 2)
        }
        if figures.st_mode & S_IFMT == S_IFDIR {
            throw Failure(text: "\(path): is a directory", code: 2)
        }
        let isFile = figures.st_mode & S_IFMT == S_IFREG
        // Of a file on standard input, somebody may have read the beginning.
        let offset = isFile ? Int(lseek(descriptor, 0, SEEK_CUR)) : 0
        count = isFile ? max(0, Int(figures.st_size) - max(0, offset)) : nil
    }

    deinit { if descriptor > 0 { close(descriptor) } }

    /// The next bytes; `nil` at the end. Waits, and gives up waiting when the task is cancelled.
    func next() throws(Failure) -> [UInt8]? {
        guard try isReady() else { return nil }
        var piece = [UInt8](repeating: 0, count: Self.pieceLength)
        while true {
            // Safe: the array lends its bytes for the call.
            let count = unsafe piece.withUnsafeMutableBytes { piece in
                unsafe read(descriptor, piece.baseAddress, piece.count)
            }
            if count > 0 { return Array(piece[..<count]) }
            if count == 0 { return nil }
            if errno != EINTR { throw Failure(text: "\(path): can't be read") }
        }
    }

    /// False when the task was cancelled before there was anything to read.
    private func isReady() throws(Failure) -> Bool {
        while !Task.isCancelled {
            var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            // Safe: `poll` reads and writes one structure, which is ours.
            let count = unsafe Foundation.poll(&poll, 1, 100)
            if count > 0 { return true }
            if count < 0 && errno != EINTR { throw Failure(text: "\(path): can't be read") }
        }
        return false
    }
}
