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

    /// What the file has; what a crash has left half written at its end is written over.
    mutating func read() throws(FileError) -> [MessageOwner: Timestamp] {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try FileSystem.read(path, maximumBytes: 1 << 30)
        } catch {
            guard error.code == .noSuchFile else { throw error }
            return [:]
        }
        guard bytes.starts(with: Self.magic) else { return [:] }
        var times: [MessageOwner: Timestamp] = [:]
        var reader = ByteReader(bytes.span.extracting(droppingFirst: Self.magic.count))
        end = Self.magic.count
        while let (owner, time) = Self.next(&reader) {
            times[owner] = max(time, times[owner] ?? time)
            end = Self.magic.count + reader.offset
        }
        return times
    }

    @_lifetime(reader: copy reader)
    private static func next(_ reader: inout ByteReader) -> (MessageOwner, Timestamp)? {
        let start = reader.offset
        guard let time = reader.readUInt64(), let length = reader.readUInt8(),
            let name = reader.readBytes(Int(length))
        else { return nil }
        let record = reader.bytes.extracting(start..<reader.offset)
        guard reader.readUInt32() == Checksum.of(record), length > 0 else { return nil }
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
        buffer.append(Checksum.of(buffer.span.extracting(start..<buffer.count)))
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
