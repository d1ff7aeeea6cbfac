import Bytes
import LedgerModel
import Time

/// What stands in front of each block, in big-endian integers: `TGMB` (4 bytes), codec (1), zeros (3), bytes of the
/// body as it is stored (4) and as it was (4), messages (4), base time (8), last time (8), base sequence (8), last
/// sequence (8), checksum of the body (4), checksum of all before (4).
///
/// Both bases are those of the flush that wrote the block: no message of it is before them, and they never fall
/// within a segment.
struct BlockHeader: Equatable {
    enum Codec: UInt8, CaseIterable {
        case none = 0
        case zstandard = 1
    }

    var codec = Codec.none
    var storedBytes = 0
    var rawBytes = 0
    var messages = 0
    var baseTime = Timestamp(milliseconds: 0)
    var lastTime = Timestamp(milliseconds: 0)
    var baseSequence: UInt64 = 0
    var lastSequence: UInt64 = 0
    var bodyChecksum: UInt32 = 0

    static let bytes = 60
    private static let magic: UInt32 = 0x5447_4D42

    func encode(into buffer: inout ByteBuffer) {
        let start = buffer.count
        buffer.append(Self.magic)
        buffer.append(UInt32(codec.rawValue) << 24)
        buffer.append(UInt32(storedBytes))
        buffer.append(UInt32(rawBytes))
        buffer.append(UInt32(messages))
        buffer.append(UInt64(bitPattern: baseTime.milliseconds))
        buffer.append(UInt64(bitPattern: lastTime.milliseconds))
        buffer.append(baseSequence)
        buffer.append(lastSequence)
        buffer.append(bodyChecksum)
        buffer.append(CRC32C.of(buffer.span.extracting(start..<buffer.count)))
    }

    init() {}

    /// Where such headers may begin.
    static func places(in bytes: [UInt8]) -> [Int] {
        let first = UInt8(magic >> 24)
        return bytes.indices.filter { place in
            guard bytes[place] == first, place + 4 <= bytes.count else { return false }
            var value: UInt32 = 0
            for byte in bytes[place..<place + 4] { value = value << 8 | UInt32(byte) }
            return value == magic
        }
    }

    /// `nil` when the first bytes are no such header.
    init?(_ bytes: Span<UInt8>) {
        guard bytes.count >= Self.bytes else { return nil }
        var reader = ByteReader(bytes)
        guard reader.readUInt32() == Self.magic, let codecs = reader.readUInt32(),
            codecs & 0xFF_FFFF == 0, let codec = Codec(rawValue: UInt8(codecs >> 24)),
            let stored = reader.readUInt32(), let raw = reader.readUInt32(),
            let messages = reader.readUInt32(), let base = reader.readUInt64(),
            let last = reader.readUInt64(), let baseSequence = reader.readUInt64(),
            let lastSequence = reader.readUInt64(), let bodyChecksum = reader.readUInt32(),
            reader.readUInt32()
                == CRC32C.of(bytes.extracting(0..<Self.bytes - 4))
        else { return nil }
        self.codec = codec
        storedBytes = Int(stored)
        rawBytes = Int(raw)
        self.messages = Int(messages)
        baseTime = Timestamp(milliseconds: Int64(bitPattern: base))
        lastTime = Timestamp(milliseconds: Int64(bitPattern: last))
        self.baseSequence = baseSequence
        self.lastSequence = lastSequence
        self.bodyChecksum = bodyChecksum
    }

    /// The body as it was; `nil` when the bytes are damaged.
    func open(_ stored: Span<UInt8>, _ decompressor: inout Decompressor) -> [UInt8]? {
        guard stored.count == storedBytes, CRC32C.of(stored) == bodyChecksum else { return nil }
        switch codec {
        case .none: return storedBytes == rawBytes ? stored.bytesArray : nil
        case .zstandard: return decompressor.open(stored, count: rawBytes)
        }
    }
}

/// A message in the body of a block: flags (1 byte); if they say so, whose it is (a length and `PK/DK`) and that goes
/// for those behind it; then as numbers of variable length (LEB128) the milliseconds since the block's base time,
/// the distance to its base sequence, the length of the topic with the topic, that of the payload with the payload.
struct RecordFlags {
    var rawValue: UInt8

    init(rawValue: UInt8) { self.rawValue = rawValue }

    init(
        direction: StoredMessage.Direction, qos: UInt8, isRetained: Bool, isDuplicate: Bool,
        hasWholeTopic: Bool
    ) {
        rawValue =
            direction.rawValue | qos << 1 | (isRetained ? 8 : 0) | (isDuplicate ? 16 : 0)
            | (hasWholeTopic ? 32 : 0)
    }

    var direction: StoredMessage.Direction { rawValue & 1 == 0 ? .up : .down }
    var qos: UInt8 { rawValue >> 1 & 3 }
    var isRetained: Bool { rawValue & 8 != 0 }
    var isDuplicate: Bool { rawValue & 16 != 0 }

    /// The topic does not begin with `d/PK/DK/`, which is left out otherwise.
    var hasWholeTopic: Bool { rawValue & 32 != 0 }

    /// Whose it is follows.
    var namesOwner: Bool {
        get { rawValue & 64 != 0 }
        set { rawValue = newValue ? rawValue | 64 : rawValue & ~64 }
    }
}

/// A message of a block's body, borrowed from it.
struct BlockRecord: ~Escapable {
    let flags: RecordFlags
    let owner: Span<UInt8>
    let time: Timestamp
    let sequence: UInt64
    let topic: Span<UInt8>
    let payload: Span<UInt8>

    @_lifetime(copy owner, copy topic, copy payload)
    init(
        flags: RecordFlags, owner: Span<UInt8>, time: Timestamp, sequence: UInt64,
        topic: Span<UInt8>, payload: Span<UInt8>
    ) {
        self.flags = flags
        self.owner = owner
        self.time = time
        self.sequence = sequence
        self.topic = topic
        self.payload = payload
    }

    /// A copy that can be kept.
    var message: StoredMessage {
        var whole: [UInt8] = []
        if !flags.hasWholeTopic {
            whole.append(contentsOf: "d/".utf8)
            whole.append(contentsOf: owner.bytesArray)
            whole.append(UInt8(ascii: "/"))
        }
        whole.append(contentsOf: topic.bytesArray)
        return StoredMessage(
            sequence: sequence, time: time, direction: flags.direction, qos: flags.qos,
            isRetained: flags.isRetained, isDuplicate: flags.isDuplicate, topic: whole,
            payload: payload.bytesArray)
    }
}

extension BlockHeader {
    /// Hands each message of the body on, in order; false when the body is not what the header says.
    func forEach(in body: Span<UInt8>, _ take: (borrowing BlockRecord) -> Void) -> Bool {
        var reader = ByteReader(body)
        var owner = body.extracting(0..<0)
        var count = 0
        while !reader.isAtEnd {
            guard let byte = reader.readUInt8() else { return false }
            let flags = RecordFlags(rawValue: byte)
            if flags.namesOwner {
                guard let length = reader.readUInt8(), let name = reader.readBytes(Int(length))
                else { return false }
                owner = name
            }
            guard let milliseconds = reader.readNumber(), let distance = reader.readNumber(),
                let topicBytes = reader.readLength(), let topic = reader.readBytes(topicBytes),
                let payloadBytes = reader.readLength(),
                let payload = reader.readBytes(payloadBytes)
            else { return false }
            let (sequence, overflows) = baseSequence.addingReportingOverflow(distance)
            guard !overflows, milliseconds <= UInt64(Int64.max / 2), owner.count > 0 else {
                return false
            }
            count += 1
            take(
                BlockRecord(
                    flags: flags, owner: owner,
                    time: baseTime.adding(milliseconds: Int64(milliseconds)), sequence: sequence,
                    topic: topic, payload: payload))
        }
        return count == messages
    }
}

extension ByteReader {
    /// LEB128, of at most ten bytes.
    @_lifetime(self: copy self)
    fileprivate mutating func readNumber() -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard let byte = readUInt8() else { return nil }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        return nil
    }

    /// Of something that follows.
    @_lifetime(self: copy self)
    fileprivate mutating func readLength() -> Int? {
        guard let length = readNumber(), length <= UInt64(remaining) else { return nil }
        return Int(length)
    }
}

extension ByteBuffer {
    /// LEB128.
    mutating func append(number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }
}
