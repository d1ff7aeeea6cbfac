public import Bytes
public import Storage

/// An account's codes of one package, counted (rule A10): bought + granted = unassigned + assigned.
public struct HoldingRecord: StorageRecord, Hashable, Sendable {
    public internal(set) var bought: UInt64
    public internal(set) var granted: UInt64

    /// To products, at purchase or later.
    public internal(set) var assigned: UInt64

    init(bought: UInt64, granted: UInt64, assigned: UInt64) {
        self.bought = bought
        self.granted = granted
        self.assigned = assigned
    }

    public var unassigned: UInt64 { bought + granted - assigned }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(RecordVersion.current)
        buffer.appendVarint(bought)
        buffer.appendVarint(granted)
        buffer.appendVarint(assigned)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        try RecordVersion.take(from: &reader, of: "holding")
        bought = try reader.takeVarint()
        granted = try reader.takeVarint()
        assigned = try reader.takeVarint()
    }
}
