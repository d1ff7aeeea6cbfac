public import Bytes
public import Storage
public import Time

/// A top-up pack as the books keep it (rule C6); account, kind, expiry and id are its key.
public struct TopUpRecord: StorageRecord, Hashable, Sendable {
    public let source: TopUpSource
    public let at: Timestamp
    public let actor: String
    public internal(set) var counters: TopUpCounters

    init(source: TopUpSource, quantity: UInt64, at: Timestamp, actor: String) {
        self.source = source
        self.at = at
        self.actor = actor
        counters = TopUpCounters(quantity: quantity)
    }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(RecordVersion.current)
        buffer.append(case: source)
        buffer.append(at)
        buffer.append(text: actor)
        counters.encode(into: &buffer)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        try RecordVersion.take(from: &reader, of: "top-up pack")
        source = try reader.take(case: TopUpSource.self)
        at = try reader.takeTimestamp()
        actor = try reader.takeText()
        counters = try TopUpCounters(decoding: &reader)
    }
}
