import Cryptography
import Gateway
import HTTPTypes
import Hummingbird
import Ledger
import Linux
import NIOCore
import NIOPosix

// Uploads.
extension FirmwareFiles {
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
        let part = partPath(of: file)
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
        let digest = FirmwareDigest(hash.finalize())
        if let told = call.query("sha256"),
            told.lowercased() != Hexadecimal.text(of: digest.bytes.span)
        {
            throw Problem.invalid(
                "sha256: is not that of the body, \(Hexadecimal.text(of: digest.bytes.span))")
        }
        // An fsync of many megabytes takes its time, which is no task's.
        try await NIOThreadPool.singleton.runIfActive {
            try new.sync()
            try finish(file)
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
