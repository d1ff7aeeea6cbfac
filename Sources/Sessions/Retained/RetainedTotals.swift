public import Bytes
public import Storage

/// How much is retained. Kept with the messages, so that a start does not count them.
public struct RetainedTotals: StorageRecord, Equatable, Sendable {
    public internal(set) var messages = 0

    /// Of topics, payloads and properties.
    public internal(set) var bytes = 0

    init() {}

    mutating func add(_ byteCount: Int) {
        messages += 1
        bytes += byteCount
    }

    /// Never below 0: a store that is damaged goes on, and `verify` says so.
    mutating func take(_ byteCount: Int) {
        messages = max(0, messages - 1)
        bytes = max(0, bytes - byteCount)
    }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.appendVarint(UInt64(messages))
        buffer.appendVarint(UInt64(bytes))
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        guard let messages = Int(exactly: try reader.takeVarint()),
            let bytes = Int(exactly: try reader.takeVarint())
        else { throw .malformed(what: "totals of retained messages") }
        self.messages = messages
        self.bytes = bytes
    }
}
