import Bytes
import LedgerModel
import Linux
import Time

/// Whose messages were deleted, and until when: they are not shown any more, and leave the disk with their segments.
struct Deletions {
    private(set) var times: [MessageOwner: Timestamp] = [:]

    init() {}

    init(_ times: [MessageOwner: Timestamp]) { self.times = times }

    /// Until when a device's messages are not shown; `nil`: none were deleted.
    func time(of owner: MessageOwner) -> Timestamp? {
        if times.isEmpty { return nil }
        let (own, product) = (times[owner], times[owner.product])
        guard let own, let product else { return own ?? product }
        return max(own, product)
    }

    /// Whether that was not known yet.
    mutating func note(_ owner: MessageOwner, until time: Timestamp) -> Bool {
        if let known = times[owner], known >= time { return false }
        times[owner] = time
        return true
    }

    /// Forgets those that nothing on the disk is as old as, but for recent ones: what is on its way to the disk may be
    /// older. Whether there were some.
    mutating func forget(before oldest: Timestamp?, recent: Timestamp) -> Bool {
        let before = times.count
        times = times.filter { entry in
            entry.value >= recent || oldest.map { $0 <= entry.value } ?? false
        }
        return times.count < before
    }
}

/// Deletions on the disk: the file `deletions` has `TGMLOGD` and a line feed; then of each the time (8 bytes), the length
/// of the name (1), the name (`PK/DK`, or `PK/` for all of a product), and a checksum of that (4), in big-endian integers.
struct DeletionFile {
    private let path: String

    /// Bytes of the file; 0: there is none.
    private var end = 0

    private static let magic: [UInt8] = Array("TGMLOGD\n".utf8)

    init(in directory: String) { path = "\(directory)/deletions" }

    /// What the file has, and in how many places it is damaged: what is behind them is found again. What a crash has left
    /// half written at its end is written over.
    mutating func read() throws(FileError) -> (times: [MessageOwner: Timestamp], damages: Int) {
        let found = Self.parse(try bytes())
        end = found.end
        if end == 0 { try replace(by: found.times) }
        return (found.times, found.damages)
    }

    /// In how many places it is damaged.
    static func damages(in directory: String) throws(FileError) -> Int {
        parse(try DeletionFile(in: directory).bytes()).damages
    }

    /// Nothing, if there is no such file.
    private func bytes() throws(FileError) -> [UInt8] {
        do throws(FileError) {
            return try FileSystem.read(path, maximumBytes: 1 << 30)
        } catch {
            guard error.code == .noSuchFile else { throw error }
            return []
        }
    }

    /// `end`: behind the last record; 0 when the file has to be written anew, as its head is damaged.
    private static func parse(
        _ bytes: [UInt8]
    ) -> (times: [MessageOwner: Timestamp], damages: Int, end: Int) {
        var times: [MessageOwner: Timestamp] = [:]
        let hasHead = bytes.starts(with: magic)
        var damages = hasHead || bytes.isEmpty ? 0 : 1
        var offset = hasHead ? magic.count : 0
        var end = offset
        while offset < bytes.count {
            var reader = ByteReader(bytes.span.extracting(offset..<bytes.count))
            guard let (owner, time) = next(&reader) else {
                offset += 1
                continue
            }
            if offset > end, hasHead || end > 0 { damages += 1 }
            times[owner] = max(time, times[owner] ?? time)
            offset += reader.offset
            end = offset
        }
        return (times, damages, hasHead ? end : 0)
    }

    @_lifetime(reader: copy reader)
    private static func next(_ reader: inout ByteReader) -> (MessageOwner, Timestamp)? {
        let start = reader.offset
        guard let time = reader.readUInt64(), let length = reader.readUInt8(),
            let name = reader.readBytes(Int(length))
        else { return nil }
        let record = reader.bytes.extracting(start..<reader.offset)
        guard reader.readUInt32() == CRC32C.of(record), length > 0 else { return nil }
        return (
            MessageOwner(name: name.bytesArray), Timestamp(milliseconds: Int64(bitPattern: time))
        )
    }

    private static func encode(
        _ owner: MessageOwner, _ time: Timestamp, into buffer: inout ByteBuffer
    ) {
        let start = buffer.count
        buffer.append(UInt64(bitPattern: time.milliseconds))
        buffer.append(UInt8(owner.name.count))
        buffer.append(owner.name.span)
        buffer.append(CRC32C.of(buffer.span.extracting(start..<buffer.count)))
    }

    /// Brings some more to the disk, behind the others.
    mutating func append(_ noted: [(MessageOwner, Timestamp)]) throws(FileError) {
        guard end > 0 else {
            return try replace(by: Dictionary(noted) { one, other in max(one, other) })
        }
        var buffer = ByteBuffer()
        for (owner, time) in noted { Self.encode(owner, time, into: &buffer) }
        let file = try RandomAccessFile(path, for: .writing)
        try file.truncate(to: end)
        try file.write(buffer.span, at: end)
        try file.sync()
        end += buffer.count
    }

    /// The same instead of the others.
    mutating func replace(by times: [MessageOwner: Timestamp]) throws(FileError) {
        if times.isEmpty, end == 0 { return }
        var buffer = ByteBuffer()
        buffer.append(Self.magic.span)
        for (owner, time) in times { Self.encode(owner, time, into: &buffer) }
        try FileSystem.write(buffer.span, atomicallyTo: path, mode: 0o600)
        end = buffer.count
    }
}

/// How far the events of the books were heard: the file `heard` has the number (8 bytes) and a checksum of it (4), in
/// big-endian integers.
struct HeardFile {
    private let path: String

    init(in directory: String) { path = "\(directory)/heard" }

    /// `nil`: there is no such file, or it is damaged.
    func read() throws(FileError) -> UInt64? {
        do throws(FileError) {
            let bytes = try FileSystem.read(path, maximumBytes: 64)
            var reader = ByteReader(bytes.span)
            guard let number = reader.readUInt64(),
                reader.readUInt32() == CRC32C.of(bytes.span.extracting(0..<8))
            else { return nil }
            return number
        } catch {
            guard error.code == .noSuchFile else { throw error }
            return nil
        }
    }

    func write(_ number: UInt64) throws(FileError) {
        var buffer = ByteBuffer()
        buffer.append(number)
        buffer.append(CRC32C.of(buffer.span))
        try FileSystem.write(buffer.span, atomicallyTo: path, mode: 0o600)
    }
}
