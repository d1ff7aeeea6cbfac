public import Bytes
public import Storage

/// A product's pool of codes and its counters: what every activation changes, in one small record of
/// fixed size.
///
/// Codes are taken lot by lot, in the order in which the lots came (rule A9). The lot that is being
/// consumed is at hand here: `lotRemaining` codes of it are left, the next one is `nextSerial`.
public struct PoolRecord: StorageRecord, Hashable, Sendable {
    /// Codes that ever came to the product, consumed ones among them.
    public internal(set) var assigned: UInt64 = 0
    public internal(set) var consumed: UInt64 = 0

    /// Devices that are registered.
    public internal(set) var devicesKnown: UInt64 = 0

    /// Registered, enabled devices whose entitlement is open.
    public internal(set) var devicesActive: UInt64 = 0

    /// How many lots there are: their ordinals are 1 to this.
    var lots: UInt32 = 0

    /// Ordinal of the lot being consumed: 0 before the first code.
    var lot: UInt32 = 0
    var nextSerial: UInt64 = 0
    var lotRemaining: UInt64 = 0

    /// Imports in chunks that are receiving or landing. At 0, which is nearly always, nobody looks
    /// for devices that are arriving.
    var imports: UInt32 = 0

    /// Rule A10: `assigned = remaining + consumed`.
    public var remaining: UInt64 { assigned - consumed }

    init() {}

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(RecordVersion.current)
        buffer.append(assigned)
        buffer.append(consumed)
        buffer.append(devicesKnown)
        buffer.append(devicesActive)
        buffer.append(lots)
        buffer.append(lot)
        buffer.append(nextSerial)
        buffer.append(lotRemaining)
        buffer.append(imports)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        try RecordVersion.take(from: &reader, of: "pool")
        assigned = try reader.takeUInt64()
        consumed = try reader.takeUInt64()
        devicesKnown = try reader.takeUInt64()
        devicesActive = try reader.takeUInt64()
        lots = try reader.takeUInt32()
        lot = try reader.takeUInt32()
        nextSerial = try reader.takeUInt64()
        lotRemaining = try reader.takeUInt64()
        imports = try reader.takeUInt32()
        guard consumed <= assigned else { throw .malformed(what: "pool with more used than had") }
    }
}
