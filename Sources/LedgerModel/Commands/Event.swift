public import Bytes
public import Encoding
public import Time

/// One entry of the append-only log of everything that changed the books (rule E3). Sequence numbers
/// start at 1 and have no gaps.
public struct Event: Hashable, Sendable {
    public let sequence: UInt64
    public let at: Timestamp
    public let actor: String
    public let change: Change

    public init(sequence: UInt64, at: Timestamp, actor: String, change: Change) {
        self.sequence = sequence
        self.at = at
        self.actor = actor
        self.change = change
    }
}

/// The bytes of an entry of the event log: a version byte first.
extension Event: StorageRecord {
    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1, sequence, at, actor, change)
    }

    /// Throws `.malformed` unless the bytes are an event of a known version.
    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "event") {
        case .v1:
            self = try reader.make(Self.init(sequence:at:actor:change:))
        }
    }
}
