public import Bytes
public import Storage
public import Time

/// A contact of an account as the books keep it (rule E1).
public struct ContactRecord: StorageRecord, Hashable, Sendable {
    public let name: String

    /// When, and by whom, it was put on the list or last changed.
    public let at: Timestamp
    public let actor: String

    init(name: String, at: Timestamp, actor: String) {
        self.name = name
        self.at = at
        self.actor = actor
    }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(RecordVersion.current)
        buffer.append(text: name)
        buffer.append(at)
        buffer.append(text: actor)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        try RecordVersion.take(from: &reader, of: "contact")
        name = try reader.takeText()
        at = try reader.takeTimestamp()
        actor = try reader.takeText()
    }
}
