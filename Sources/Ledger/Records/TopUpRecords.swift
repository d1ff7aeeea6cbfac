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

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1, source, at, actor, counters)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "top-up pack") {
        case .v1:
            source = try reader.take()
            at = try reader.take()
            actor = try reader.take()
            counters = try reader.take()
        }
    }
}

/// Where the units of a pack, or of all packs of an account and kind, are:
/// `quantity = remaining + leased + used + expired + voided` at all times.
public struct TopUpCounters: StorageRecord, RecordField, Hashable, Sendable {
    public internal(set) var quantity: UInt64 = 0

    /// To be drawn from; also those of a pack that has expired, until it is closed.
    public internal(set) var remaining: UInt64 = 0

    /// With holders who have not settled yet.
    public internal(set) var leased: UInt64 = 0
    public internal(set) var used: UInt64 = 0

    /// Not used in time.
    public internal(set) var expired: UInt64 = 0

    /// Taken back by a correction (rule A11).
    public internal(set) var voided: UInt64 = 0

    private static var parts: [WritableKeyPath<TopUpCounters, UInt64>] {
        [\.quantity, \.remaining, \.leased, \.used, \.expired, \.voided]
    }

    init() {}

    /// A new pack's.
    init(quantity: UInt64) {
        self.quantity = quantity
        remaining = quantity
    }

    /// For counting what may be damaged: wraps around rather than traps.
    mutating func add(_ other: TopUpCounters) {
        for part in Self.parts { self[keyPath: part] &+= other[keyPath: part] }
    }

    var isBalanced: Bool {
        [leased, used, expired, voided].reduce((remaining, false)) { sum, part in
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
        for part in Self.parts {
            let (rest, isLess) = self[keyPath: part]
                .subtractingReportingOverflow(old?[keyPath: part] ?? 0)
            let (sum, overflow) = rest.addingReportingOverflow(new[keyPath: part])
            guard !isLess, !overflow else {
                throw .malformed(what: "totals of top-up packs that are not their sums")
            }
            self[keyPath: part] = sum
        }
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1, v2 }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v2, quantity, remaining, leased, used, expired, voided)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        let version = try reader.take(Version.self, of: "top-up counters")
        quantity = try reader.take()
        remaining = try reader.take()
        leased = try reader.take()
        used = try reader.take()
        expired = try reader.take()
        switch version {
        case .v1: break
        case .v2: voided = try reader.take()
        }
    }
}

/// A lease that its holder has not settled (rule C6).
struct LeaseRecord: StorageRecord, Hashable, Sendable {
    let pack: TopUpPlace
    let holder: LeaseHolder
    let units: UInt64
    let at: Timestamp

    init(pack: TopUpPlace, holder: LeaseHolder, units: UInt64, at: Timestamp) {
        self.pack = pack
        self.holder = holder
        self.units = units
        self.at = at
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1, pack, holder, units, at)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "lease") {
        case .v1: self = try reader.make(Self.init(pack:holder:units:at:))
        }
    }
}

/// Which upgrade was requested with the event that this index entry's key says.
struct UpgradeNameRecord: StorageRecord, Hashable, Sendable {
    let id: UpgradeID

    init(id: UpgradeID) { self.id = id }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1, id)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "upgrade name") {
        case .v1: id = try reader.take()
        }
    }
}

/// How many attempts of a device's monthly allowance are used (rule D2).
struct UpgradeMonthRecord: StorageRecord, Hashable, Sendable {
    let used: UInt64

    init(used: UInt64) { self.used = used }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1, used)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "upgrade month") {
        case .v1: used = try reader.take()
        }
    }
}
