public import Bytes
public import Storage

/// The bytes of an entry of the event log: a version byte first.
extension Event: StorageRecord {
    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(RecordVersion.current)
        buffer.appendVarint(sequence)
        buffer.append(at)
        buffer.append(text: actor)
        change.encode(into: &buffer)
    }

    /// Throws `.malformed` unless the bytes are an event of a known version.
    public init(decoding reader: inout ByteReader) throws(StoreError) {
        try RecordVersion.take(from: &reader, of: "event")
        self.init(
            sequence: try reader.takeVarint(),
            at: try reader.takeTimestamp(),
            actor: try reader.takeText(),
            change: try Change(decoding: &reader)
        )
    }
}
