public import Bytes
import MQTT
public import Storage
public import Time

/// A retained message as the nodes of a cluster hand it on, under its topic: who has put it, and the message.
///
/// | bytes | |
/// |---|---|
/// | 1 | version, 1 |
/// | 8 | the process that has put it, a random number |
/// | 8 | the number of the put in that process |
/// | | the record as the store has it, without the topic |
public struct RetainedEntry: Equatable, Sendable {
    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    public let sender: UInt64
    public let number: UInt64
    public let message: Message

    public init(sender: UInt64, number: UInt64, _ message: Message) {
        self.sender = sender
        self.number = number
        self.message = message
    }

    /// No less than `bytes` has.
    public var byteCount: Int { 64 + message.properties.count + message.payload.count }

    public var bytes: [UInt8] {
        var buffer = ByteBuffer()
        buffer.append(Version.v1)
        buffer.append(sender)
        buffer.append(number)
        RetainedRecord.encode(message, isCut: false, into: &buffer)
        return buffer.span.bytesArray
    }

    public init(topic: [UInt8], bytes: [UInt8]) throws(MalformedRecord) {
        var reader = ByteReader(bytes.span)
        switch try reader.take(Version.self, of: "retained message of a cluster") {
        case .v1: break
        }
        sender = try reader.takeUInt64()
        number = try reader.takeUInt64()
        message = try RetainedRecord(decoding: reader.readRemaining()).message(topic: topic)
    }
}

/// How far a node has followed the retained messages of its cluster. In the same commit as what it stands for.
public struct RetainedMark: Equatable, Sendable {
    public let position: UInt64

    /// By the clock of those that keep them.
    public let at: Timestamp

    /// Which records they are: another number when they were lost, and begun anew.
    public let generation: UInt64

    public init(position: UInt64, at: Timestamp, generation: UInt64) {
        self.position = position
        self.at = at
        self.generation = generation
    }
}

extension RetainedMark: StorageRecord {
    private enum Version: UInt8, RecordVersion {
        /// Without a generation, which was the first.
        case v1 = 1
        case v2 = 2
    }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v2)
        buffer.appendVarint(position)
        buffer.append(UInt64(bitPattern: at.milliseconds))
        buffer.appendVarint(generation)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        let version = try reader.take(Version.self, of: "mark of the retained messages")
        position = try reader.takeVarint()
        at = Timestamp(milliseconds: Int64(bitPattern: try reader.takeUInt64()))
        generation =
            switch version {
            case .v1: 1
            case .v2: try reader.takeVarint()
            }
        try reader.requireEnd(of: "mark of the retained messages")
    }
}
