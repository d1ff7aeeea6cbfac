import Bytes
import MQTT
import Storage
import Time

/// Where a topic's retained message is: the topic with 0x00 for each slash, so that keys order level
/// by level and whatever lies below a topic follows it at once. No topic contains U+0000
/// ([MQTT-1.5.4-2]).
///
/// A topic of more than 480 bytes does not fit: its key is its first 480 bytes, its hash, and a number
/// that tells topics apart whose hash is the same; the record holds the topic. So such keys are still
/// behind every key that is a beginning of theirs, and their length says what they are.
struct RetainedKey: StorageKey, Hashable, Sendable {
    /// How many bytes of a topic keys have at most.
    static var topicCount: Int { 480 }

    static var separator: UInt8 { 0 }

    let bytes: [UInt8]

    init(bytes: [UInt8]) { self.bytes = bytes }

    /// The key of a topic that fits; or what the keys of all topics with the same hash begin with.
    init(_ topic: Span<UInt8>) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(min(topic.count, Self.topicCount + 8))
        for index in 0..<min(topic.count, Self.topicCount) {
            bytes.append(Self.keyByte(topic[index]))
        }
        if topic.count > Self.topicCount {
            let hash = TopicHash.hash(topic)
            for shift in stride(from: 56, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: hash >> UInt64(shift)))
            }
        }
        self.bytes = bytes
    }

    /// One of the keys that begin with this one.
    func numbered(_ number: UInt32) -> RetainedKey {
        var bytes = bytes
        for shift in stride(from: 24, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: number >> UInt32(shift)))
        }
        return RetainedKey(bytes: bytes)
    }

    /// What `numbered` gave it.
    var number: UInt32 {
        bytes.suffix(4).reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// Whether the record has the topic, as the key has only its beginning.
    var isCut: Bool { bytes.count > Self.topicCount }

    /// The topic of a key that is not cut.
    var topic: [UInt8] { bytes.map { $0 == Self.separator ? UInt8(ascii: "/") : $0 } }

    static func keyByte(_ byte: UInt8) -> UInt8 { byte == UInt8(ascii: "/") ? separator : byte }

    func encode(into writer: inout KeyWriter) { writer.append(bytes.span) }

    init?(decoding reader: inout ByteReader) {
        bytes = reader.readRemaining().bytesArray
        guard !bytes.isEmpty else { return nil }
    }
}

/// SipHash-2-4 of a topic under a fixed key: the same in every run, as it is part of a key on disk,
/// and without a way to choose many topics with one hash that is quicker than trying.
enum TopicHash {
    static func hash(
        _ bytes: Span<UInt8>,
        key0: UInt64 = 0x746F_6C6C_6761_7465,
        key1: UInt64 = 0x7265_7461_696E_6564
    ) -> UInt64 {
        var state = State(
            v0: key0 ^ 0x736F_6D65_7073_6575,
            v1: key1 ^ 0x646F_7261_6E64_6F6D,
            v2: key0 ^ 0x6C79_6765_6E65_7261,
            v3: key1 ^ 0x7465_6462_7974_6573
        )
        var word: UInt64 = 0
        for index in bytes.indices {
            word |= UInt64(bytes[index]) << UInt64(8 * (index % 8))
            if index % 8 == 7 {
                state.absorb(word)
                word = 0
            }
        }
        state.absorb(word | UInt64(truncatingIfNeeded: bytes.count) << 56)
        state.v2 ^= 0xFF
        for _ in 0..<4 { state.round() }
        return state.v0 ^ state.v1 ^ state.v2 ^ state.v3
    }

    private struct State {
        var v0: UInt64
        var v1: UInt64
        var v2: UInt64
        var v3: UInt64

        mutating func absorb(_ word: UInt64) {
            v3 ^= word
            round()
            round()
            v0 ^= word
        }

        mutating func round() {
            v0 &+= v1
            v1 = Self.rotate(v1, 13) ^ v0
            v0 = Self.rotate(v0, 32)
            v2 &+= v3
            v3 = Self.rotate(v3, 16) ^ v2
            v0 &+= v3
            v3 = Self.rotate(v3, 21) ^ v0
            v2 &+= v1
            v1 = Self.rotate(v1, 17) ^ v2
            v2 = Self.rotate(v2, 32)
        }

        static func rotate(_ word: UInt64, _ bits: UInt64) -> UInt64 {
            word << bits | word >> (64 - bits)
        }
    }
}

/// A retained message as it is stored, read without copying.
struct RetainedRecord: ~Escapable {
    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    let qos: QoS
    let expiresAt: Timestamp?

    /// The whole topic, where the key has only its beginning; else empty.
    let topic: Span<UInt8>
    let properties: Span<UInt8>
    let payload: Span<UInt8>

    /// What a table lends.
    @_lifetime(copy bytes)
    init(_ bytes: Span<UInt8>) throws(StoreError) {
        do throws(MalformedRecord) {
            self = try RetainedRecord(decoding: bytes)
        } catch {
            throw StoreError(error)
        }
    }

    @_lifetime(copy bytes)
    init(decoding bytes: Span<UInt8>) throws(MalformedRecord) {
        var reader = ByteReader(bytes)
        switch try reader.take(Version.self, of: "retained message") {
        case .v1: break
        }
        guard let qos = QoS(rawValue: try reader.takeUInt8()) else {
            throw .malformed(what: "retained message")
        }
        self.qos = qos
        let expires = try reader.takeOptional { reader throws(MalformedRecord) in
            Int64(bitPattern: try reader.takeUInt64())
        }
        expiresAt = expires.map { Timestamp(milliseconds: $0) }
        topic = try reader.takeCounted()
        properties = try reader.takeCounted()
        payload = reader.readRemaining()
    }

    func isOver(at now: Timestamp) -> Bool { expiresAt.map { $0 <= now } ?? false }

    /// What it counts for, as `Message.byteCount`.
    func byteCount(of key: RetainedKey) -> Int {
        (key.isCut ? topic.count : key.bytes.count) + properties.count + payload.count
    }

    func message(topic: [UInt8]) -> Message {
        Message(
            topic: topic,
            payload: payload.bytesArray,
            qos: qos,
            properties: properties.bytesArray,
            expiresAt: expiresAt
        )
    }

    static func encode(_ message: Message, isCut: Bool, into buffer: inout ByteBuffer) {
        buffer.append(Version.v1)
        buffer.append(message.qos.rawValue)
        buffer.append(optional: message.expiresAt) { buffer, expiresAt in
            buffer.append(UInt64(bitPattern: expiresAt.milliseconds))
        }
        let topic = isCut ? message.topic : []
        buffer.append(counted: topic.span)
        let properties = message.properties
        buffer.append(counted: properties.span)
        let payload = message.payload
        buffer.append(payload.span)
    }
}

/// A retained message's record, as the table takes it.
struct RetainedBytes: StorageRecord {
    let bytes: [UInt8]

    init(_ message: Message, isCut: Bool) {
        var buffer = ByteBuffer()
        RetainedRecord.encode(message, isCut: isCut, into: &buffer)
        bytes = buffer.span.bytesArray
    }

    func encode(into buffer: inout ByteBuffer) { buffer.append(bytes.span) }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        bytes = reader.readRemaining().bytesArray
    }
}
