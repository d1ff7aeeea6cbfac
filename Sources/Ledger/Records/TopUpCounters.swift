public import Bytes
public import Storage

/// Where the units of a pack, or of all packs of an account and kind, are:
/// `quantity = remaining + leased + used + expired` at all times.
public struct TopUpCounters: StorageRecord, Hashable, Sendable {
    public internal(set) var quantity: UInt64 = 0

    /// To be drawn from; also those of a pack that has expired, until it is closed.
    public internal(set) var remaining: UInt64 = 0

    /// With holders who have not settled yet.
    public internal(set) var leased: UInt64 = 0
    public internal(set) var used: UInt64 = 0

    /// Nobody used them in time.
    public internal(set) var expired: UInt64 = 0

    init() {}

    /// A new pack's.
    init(quantity: UInt64) {
        self.quantity = quantity
        remaining = quantity
    }

    /// For counting what may be damaged: wraps around rather than traps.
    mutating func add(_ other: TopUpCounters) {
        quantity &+= other.quantity
        remaining &+= other.remaining
        leased &+= other.leased
        used &+= other.used
        expired &+= other.expired
    }

    var isBalanced: Bool {
        [leased, used, expired].reduce((remaining, false)) { sum, part in
            let (total, overflow) = sum.0.addingReportingOverflow(part)
            return (total, sum.1 || overflow)
        } == (quantity, false)
    }

    /// Throws `.malformed` when there are not so many: the store is damaged.
    mutating func move(
        _ units: UInt64,
        from: WritableKeyPath<TopUpCounters, UInt64>,
        to: WritableKeyPath<TopUpCounters, UInt64>
    ) throws(StoreError) {
        let (sum, overflow) = self[keyPath: to].addingReportingOverflow(units)
        guard self[keyPath: from] >= units, !overflow else {
            throw .malformed(what: "a top-up pack with fewer units than are moved")
        }
        self[keyPath: from] -= units
        self[keyPath: to] = sum
    }

    /// Counts `new` in the place of `old`, in the totals of all packs. Throws `.malformed` when the
    /// totals can't have been their sums.
    mutating func replace(_ old: TopUpCounters?, with new: TopUpCounters) throws(StoreError) {
        let parts: [WritableKeyPath<TopUpCounters, UInt64>] = [
            \.quantity, \.remaining, \.leased, \.used, \.expired,
        ]
        for part in parts {
            let (rest, isLess) = self[keyPath: part]
                .subtractingReportingOverflow(old?[keyPath: part] ?? 0)
            let (sum, overflow) = rest.addingReportingOverflow(new[keyPath: part])
            guard !isLess, !overflow else {
                throw .malformed(what: "totals of top-up packs that are not their sums")
            }
            self[keyPath: part] = sum
        }
    }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(RecordVersion.current)
        buffer.appendVarint(quantity)
        buffer.appendVarint(remaining)
        buffer.appendVarint(leased)
        buffer.appendVarint(used)
        buffer.appendVarint(expired)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        try RecordVersion.take(from: &reader, of: "top-up counters")
        quantity = try reader.takeVarint()
        remaining = try reader.takeVarint()
        leased = try reader.takeVarint()
        used = try reader.takeVarint()
        expired = try reader.takeVarint()
    }
}
