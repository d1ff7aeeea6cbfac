import Bytes
import LedgerModel
import Linux
import Time

/// A segment as readers see it: messages that are kept equally long, in the order in which they came.
///
/// The file: a head, blocks, and, once nothing more is written to it, an index and a trailer. The head: `TGMLOG1` and
/// a line feed (8 bytes), days (4), zeros (4), first sequence (8), checksum (4).
struct Segment: Sendable {
    let path: String
    let days: Int

    /// The sequence of its first message.
    let number: UInt64

    /// The hour that it was begun in, since 1970; of one that was found on the disk 0.
    var hour: Int64 = 0

    /// Of the file.
    var bytes: Int
    var messages: UInt64 = 0
    var firstTime = Timestamp(milliseconds: .max)
    var lastTime = Timestamp(milliseconds: .min)
    var lastSequence: UInt64 = 0
    var index = Index.memory([])

    /// Where the blocks end.
    var blocksEnd: Int

    /// Whether it is being written to.
    var isOpen = true

    /// Which blocks a device's messages are in: its print in the upper 32 bits, the offset of the block in the lower,
    /// ascending.
    enum Index: Sendable {
        /// Of each flush.
        case memory([[UInt64]])

        /// Behind the blocks.
        case file(offset: Int, count: Int)
    }

    static let headBytes = 28
    private static let magic: UInt64 = 0x5447_4D4C_4F47_310A

    static func head(days: Int, number: UInt64) -> [UInt8] {
        var buffer = ByteBuffer(capacity: headBytes)
        buffer.append(magic)
        buffer.append(UInt32(days))
        buffer.append(UInt32(0))
        buffer.append(number)
        buffer.append(CRC32C.of(buffer.span))
        return buffer.span.bytesArray
    }

    /// `7-00000000000003e9.messages`: the days, and the first sequence in hexadecimal digits.
    static func name(days: Int, number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return "\(days)-\(String(repeating: "0", count: 16 - digits.utf8.count))\(digits).messages"
    }

    /// What such a name says; `nil`: it is none.
    static func parse(_ name: String) -> (days: Int, number: UInt64)? {
        let parts = name.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let days = UInt16(parts[0]), parts[1].hasSuffix(".messages"),
            let number = UInt64(parts[1].dropLast(".messages".utf8.count), radix: 16),
            Segment.name(days: Int(days), number: number) == name
        else { return nil }
        return (Int(days), number)
    }

    /// When all of it is over.
    var endsAt: Timestamp { lastTime.adding(days: Int64(days)) }
}

/// The last bytes of a finished segment, in big-endian integers: the index' offset (8), its entries (4), its checksum
/// (4), messages (8), first time (8), last time (8), last sequence (8), checksum of all before (4), zeros (4),
/// `TGMLOGE` and a line feed (8). The index: entries of eight bytes, ascending.
struct SegmentTrailer: Equatable {
    var indexOffset: Int
    var indexCount: Int
    var indexChecksum: UInt32
    var messages: UInt64
    var firstTime: Timestamp
    var lastTime: Timestamp
    var lastSequence: UInt64

    static let bytes = 64
    private static let magic: UInt64 = 0x5447_4D4C_4F47_450A

    func encode(into buffer: inout ByteBuffer) {
        let start = buffer.count
        buffer.append(UInt64(indexOffset))
        buffer.append(UInt32(indexCount))
        buffer.append(indexChecksum)
        buffer.append(messages)
        buffer.append(UInt64(bitPattern: firstTime.milliseconds))
        buffer.append(UInt64(bitPattern: lastTime.milliseconds))
        buffer.append(lastSequence)
        buffer.append(CRC32C.of(buffer.span.extracting(start..<buffer.count)))
        buffer.append(UInt32(0))
        buffer.append(Self.magic)
    }

    init(of segment: Segment, indexCount: Int, indexChecksum: UInt32) {
        indexOffset = segment.blocksEnd
        self.indexCount = indexCount
        self.indexChecksum = indexChecksum
        messages = segment.messages
        firstTime = segment.firstTime
        lastTime = segment.lastTime
        lastSequence = segment.lastSequence
    }

    /// `nil` when the bytes are no trailer of a file of that size.
    init?(_ bytes: Span<UInt8>, fileBytes: Int) {
        guard bytes.count == Self.bytes else { return nil }
        var reader = ByteReader(bytes)
        guard let offset = reader.readUInt64(), let count = reader.readUInt32(),
            let checksum = reader.readUInt32(), let messages = reader.readUInt64(),
            let first = reader.readUInt64(), let last = reader.readUInt64(),
            let sequence = reader.readUInt64(),
            reader.readUInt32() == CRC32C.of(bytes.extracting(0..<48)),
            reader.readUInt32() == 0, reader.readUInt64() == Self.magic,
            offset <= UInt64(fileBytes),
            Int(offset) + 8 * Int(count) + Self.bytes == fileBytes
        else { return nil }
        indexOffset = Int(offset)
        indexCount = Int(count)
        indexChecksum = checksum
        self.messages = messages
        firstTime = Timestamp(milliseconds: Int64(bitPattern: first))
        lastTime = Timestamp(milliseconds: Int64(bitPattern: last))
        lastSequence = sequence
    }
}
