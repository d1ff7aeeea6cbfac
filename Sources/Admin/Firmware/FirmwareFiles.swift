import Cryptography
import Gateway
import HTTPTypes
import Hummingbird
import Ledger
import Linux
import NIOCore
import NIOPosix

/// Where the bytes of firmware images are: a directory of the data directory, with a file for each image, named by a number
/// of its own. A file is there, whole and on the disk, before the books know of its image; what they do not know when the
/// gateway starts is removed.
struct FirmwareFiles: Sendable {
    let directory: String

    /// Of a file that is being written.
    private static let partSuffix = ".part"

    /// What an upload leaves free for the stores.
    private static let reserveBytes = 64 << 20

    private func path(of file: UInt64) -> String { "\(directory)/\(Self.name(of: file))" }

    /// 16 hexadecimal digits.
    private static func name(of file: UInt64) -> String {
        let digits = String(file, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// Removes what uploads that a crash has ended have left, and files of images that are gone.
    func clean(keeping files: Set<UInt64>) throws(FileError) {
        try FileSystem.createDirectory(directory, mode: 0o700)
        let kept = Set(files.map(Self.name(of:)))
        for name in try FileSystem.names(in: directory) where !kept.contains(name) {
            try FileSystem.remove("\(directory)/\(name)")
        }
    }

    /// Whether the image's file is here: it is not after a backup of the books was restored elsewhere.
    func has(_ image: FirmwareRecord) -> Bool {
        do throws(FileError) {
            let file = try RandomAccessFile(path(of: image.file), for: .reading)
            return try file.size() == Int(image.size.bytes)
        } catch {
            return false
        }
    }

    /// `nil` when it is not here, or not of that size.
    func open(_ image: FirmwareRecord) -> RandomAccessFile? {
        do throws(FileError) {
            let file = try RandomAccessFile(path(of: image.file), for: .reading)
            return try file.size() == Int(image.size.bytes) ? file : nil
        } catch {
            return nil
        }
    }

    func remove(_ file: UInt64) throws(FileError) { try FileSystem.remove(path(of: file)) }

    /// Another file takes the place of one that is missing.
    func move(_ file: UInt64, to other: UInt64) throws(FileError) {
        try FileSystem.move(path(of: file), to: path(of: other))
    }

    /// What an upload has brought.
    struct Received: Sendable {
        let file: UInt64
        let size: UpgradeSize
        let digest: FirmwareDigest
    }

    /// Takes a request's body, piece by piece, into a file that is on the disk, whole, when this returns. When it throws
    /// there is none.
    func receive(_ call: Call, upTo maximum: Int) async throws -> Received {
        let announced = call.request.headers[.contentLength].flatMap { Int($0) }
        guard announced ?? 0 <= maximum else { throw Self.tooLarge(maximum) }
        try FileSystem.createDirectory(directory, mode: 0o700)
        if let announced { try requireRoom(for: announced) }
        let bytes = RandomBytes.make(8)
        let file = bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let part = path(of: file) + Self.partSuffix
        do {
            return try await write(call, to: part, as: file, upTo: maximum)
        } catch {
            try? FileSystem.remove(part)
            guard let failure = error as? FileError, failure.code == .noSpace else { throw error }
            throw Problem(.firmwareNoSpace)
        }
    }

    private func write(
        _ call: Call, to part: String, as file: UInt64, upTo maximum: Int
    ) async throws -> Received {
        let new = try NewFile(part)
        var hash = SHA256()
        var count = 0
        var pieces = try await call.body()
        var looked = 0
        while let piece = try await Call.next(of: &pieces) {
            count += piece.readableBytes
            guard count <= maximum else { throw Self.tooLarge(maximum) }
            // Others write meanwhile, and a body need not say how long it is.
            if count - looked >= Self.roomInterval {
                try requireRoom(for: piece.readableBytes)
                looked = count
            }
            let bytes = [UInt8](piece.readableBytesView)
            hash.update(bytes.span)
            try new.append(bytes.span)
        }
        if let length = call.request.headers[.contentLength].flatMap({ Int($0) }), length != count {
            throw Problem.invalid("the body has \(count) bytes, and \(length) were announced")
        }
        guard let size = UpgradeSize(bytes: UInt64(count)) else {
            throw Problem.invalid("the image is empty")
        }
        let digest = hash.finalize()
        guard let digest = FirmwareDigest((0..<SHA256Digest.length).map { digest.span[$0] }) else {
            preconditionFailure("a digest has its length")
        }
        if let told = call.query("sha256"),
            told.lowercased() != Hexadecimal.text(of: digest.bytes.span)
        {
            throw Problem.invalid(
                "sha256: is not that of the body, \(Hexadecimal.text(of: digest.bytes.span))")
        }
        let path = path(of: file)
        // An fsync of many megabytes takes its time, which is no task's.
        try await NIOThreadPool.singleton.runIfActive {
            try new.sync()
            try FileSystem.move(part, to: path)
        }
        return Received(file: file, size: size, digest: digest)
    }

    /// After so many bytes the room on the disk is looked at again.
    private static var roomInterval: Int { 1 << 20 }

    private func requireRoom(for bytes: Int) throws {
        let free = try FileSystem.freeBytes(at: directory)
        guard free - bytes >= Self.reserveBytes else {
            throw Problem(
                .firmwareNoSpace,
                "the image has \(bytes) bytes, and \(free) are free, of which "
                    + "\(Self.reserveBytes) are kept for the stores")
        }
    }

    private static func tooLarge(_ maximum: Int) -> Problem {
        Problem(
            .requestTooLarge,
            "a firmware image has at most \(maximum) bytes (firmware.imageBytes)")
    }
}
