import Bytes
import Storage

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
