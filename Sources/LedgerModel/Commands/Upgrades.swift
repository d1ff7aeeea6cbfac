public import Bytes
public import Encoding
public import Time

/// What a command does with OTA upgrades of a device (rules D1 and D2).
public enum UpgradeAction: Hashable, Sendable {
    /// Asks for admission, and pays: the month's allowance first, the rest from the account's OTA
    /// packs, all or nothing. The device must be registered and enabled, and its entitlement must
    /// run: the allowance is part of what its code gives. The same request again changes nothing and
    /// is answered `repeated`, until the upgrade is reported; then another id is needed.
    case request(DeviceIdentity, UpgradeID, UpgradeSize)

    /// The outcome; also when the device or its product were deleted meanwhile. A failed upgrade
    /// gives its attempts back to where they came from: the allowance of its month, which may be
    /// over, and the packs, which may have expired. The same report again changes nothing.
    case report(DeviceIdentity, UpgradeID, succeeded: Bool)

    /// Ends upgrades that were requested so long ago and never reported, the earliest first, at most
    /// `limit` of them. Their attempts stay used: nobody has said that they failed.
    case expire(limit: UInt32, ageMilliseconds: Int64)
}

extension UpgradeAction: ActionPart {
    enum Tag: UInt16, RecordTag {
        case request = 0x1F_01
        case report = 0x1F_02
        case expire = 0x1F_03
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .request(let identity, let id, let size):
            buffer.append(Tag.request, identity, id, size)
        case .report(let identity, let id, let succeeded):
            buffer.append(Tag.report, identity, id, succeeded)
        case .expire(let limit, let age): buffer.append(Tag.expire, limit, age)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .request: try reader.make(Self.request)
            case .report: try reader.make(Self.report)
            case .expire: try reader.make(Self.expire)
            }
    }

    var asked: UpgradeAction {
        switch self {
        case .request, .report, .expire: self
        }
    }
}

/// A fact about one OTA upgrade, as the event log keeps it (rules D1, D2 and E3). What it took from
/// packs, or gave back to them, is in an event of each pack.
public struct UpgradeChange: Hashable, Sendable {
    public let identity: DeviceIdentity
    public let id: UpgradeID
    public let entry: Entry

    public init(identity: DeviceIdentity, id: UpgradeID, entry: Entry) {
        self.identity = identity
        self.id = id
        self.entry = entry
    }

    public enum Entry: Hashable, Sendable {
        case requested(UpgradeSize, fromAllowance: UInt64, fromPacks: UInt64)
        case reported(succeeded: Bool)

        /// It ended without a report (rule D2).
        case unreported
    }

    var name: String {
        switch entry {
        case .requested: "upgrade-requested"
        case .reported(succeeded: true): "upgrade-succeeded"
        case .reported(succeeded: false): "upgrade-failed"
        case .unreported: "upgrade-unreported"
        }
    }
}

extension UpgradeChange: ChangePart {
    enum Tag: UInt16, RecordTag { case change = 41 }

    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(Tag.change, identity, id, entry)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.takeTag(of: Self.self) {
        case .change:
            self = try reader.make(Self.init(identity:id:entry:))
        }
    }
}

extension UpgradeChange.Entry: TaggedRecord {
    enum Tag: UInt16, RecordTag {
        case requested = 1
        case reported = 2
        case unreported = 3
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .requested(let size, let fromAllowance, let fromPacks):
            buffer.append(Tag.requested, size, fromAllowance, fromPacks)
        case .reported(let succeeded): buffer.append(Tag.reported, succeeded)
        case .unreported: buffer.append(Tag.unreported)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .requested: try reader.make(Self.requested)
            case .reported: try reader.make(Self.reported)
            case .unreported: .unreported
            }
    }
}

/// Why an upgrade is not admitted, or its report is not taken.
public enum UpgradeRefusal: Hashable, Sendable {
    /// Rule D1: what is left of the month's allowance and in the OTA packs is less than the cost.
    case exhausted(needed: UInt64, allowance: UInt64, packs: UInt64)
    case unknown(DeviceIdentity, UpgradeID)

    /// Rule D2: the upgrade ended like this before.
    case reported(DeviceIdentity, UpgradeID, UpgradeState)
}

extension UpgradeRefusal: RefusalPart {
    enum Tag: UInt16, RecordTag {
        case exhausted = 55
        case unknown = 56
        case reported = 57
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .exhausted(let needed, let allowance, let packs):
            buffer.append(Tag.exhausted, needed, allowance, packs)
        case .unknown(let identity, let id): buffer.append(Tag.unknown, identity, id)
        case .reported(let identity, let id, let state):
            buffer.append(Tag.reported, identity, id, state)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .exhausted: try reader.make(Self.exhausted)
            case .unknown: try reader.make(Self.unknown)
            case .reported: try reader.make(Self.reported)
            }
    }

    public var description: String {
        switch self {
        case .exhausted(let needed, let allowance, let packs):
            "the upgrade needs \(needed) attempts; \(allowance) are left of this month's "
                + "allowance and \(packs) in OTA packs"
        case .unknown(let identity, let id): "device \(identity) has no upgrade \(id)"
        case .reported(_, let id, let state):
            "upgrade \(id) was reported before: it has \(state.name)"
        }
    }
}

/// An OTA upgrade, with its place in the books.
public struct Upgrade: Hashable, Sendable {
    public let identity: DeviceIdentity
    public let id: UpgradeID
    public let record: UpgradeRecord

    public init(identity: DeviceIdentity, id: UpgradeID, record: UpgradeRecord) {
        self.identity = identity
        self.id = id
        self.record = record
    }
}

extension Upgrade: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(fields: identity, id, record)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.make(Self.init(identity:id:record:))
    }
}

/// An OTA upgrade as the books keep it (rules D1 and D2): what it cost, and from where that was
/// taken, so that it can be given back there.
public struct UpgradeRecord: StorageRecord, RecordField, Hashable, Sendable {
    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    /// Number of the event of its request.
    public let sequence: UInt64
    public let size: UpgradeSize

    /// The month whose allowance was drawn from, at the product's UTC offset then.
    public let month: Month

    /// Attempts of that month's allowance.
    public let fromAllowance: UInt64

    /// The other attempts.
    public let draws: [TopUpDraw]
    public let requestedAt: Timestamp
    public let requestedBy: String
    public package(set) var state: UpgradeState
    public package(set) var reportedAt: Timestamp?

    package init(
        sequence: UInt64,
        size: UpgradeSize,
        month: Month,
        fromAllowance: UInt64,
        draws: [TopUpDraw],
        requestedAt: Timestamp,
        requestedBy: String
    ) {
        self.sequence = sequence
        self.size = size
        self.month = month
        self.fromAllowance = fromAllowance
        self.draws = draws
        self.requestedAt = requestedAt
        self.requestedBy = requestedBy
        state = .requested
        reportedAt = nil
    }

    public var fromPacks: UInt64 { draws.reduce(0) { $0 &+ $1.units } }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(
            Version.v1, sequence, size, month, fromAllowance, draws, requestedAt, requestedBy,
            state, reportedAt)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "upgrade") {
        case .v1:
            sequence = try reader.take()
            size = try reader.take()
            month = try reader.take()
            fromAllowance = try reader.take()
            draws = try reader.take()
            requestedAt = try reader.take()
            requestedBy = try reader.take()
            state = try reader.take()
            reportedAt = try reader.take()
        }
    }
}

/// What is known of an OTA upgrade (rule D2).
public enum UpgradeState: UInt8, RecordField, Hashable, Sendable, CaseIterable {
    /// Admitted and paid for; its outcome was not reported.
    case requested = 1
    case succeeded = 2

    /// Its attempts were given back.
    case failed = 3

    /// Nobody has reported it in time; its attempts stay used.
    case unreported = 4

    /// Its name in the API.
    public var name: String {
        switch self {
        case .requested: "requested"
        case .succeeded: "succeeded"
        case .failed: "failed"
        case .unreported: "unreported"
        }
    }
}

/// How large the package of an OTA upgrade is: 1 byte to 64 GiB.
public struct UpgradeSize: Hashable, Sendable {
    public let bytes: UInt64

    /// 64 GiB, which is 13,108 attempts.
    public static var maximumBytes: UInt64 { 64 << 30 }

    /// 5 MiB: what one attempt carries (rule D1).
    public static var attemptBytes: UInt64 { 5 << 20 }

    /// `nil` when `bytes` is out of range.
    public init?(bytes: UInt64) {
        guard (1...Self.maximumBytes).contains(bytes) else { return nil }
        self.bytes = bytes
    }

    /// Rule D1: one for each started 5 MiB.
    public var attempts: UInt64 { (bytes - 1) / Self.attemptBytes + 1 }
}

extension UpgradeSize: RecordField {
    package func encode(into buffer: inout ByteBuffer) { bytes.encode(into: &buffer) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        guard let size = UpgradeSize(bytes: try reader.take()) else {
            throw .malformed(what: "upgrade size")
        }
        self = size
    }
}

/// Units that one upgrade took from one OTA pack (rule D1).
public struct TopUpDraw: Hashable, Sendable {
    public let pack: TopUpPlace
    public let units: UInt64

    public init(pack: TopUpPlace, units: UInt64) {
        self.pack = pack
        self.units = units
    }
}

extension TopUpDraw: RecordField {
    package func encode(into buffer: inout ByteBuffer) { buffer.append(fields: pack, units) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.make(Self.init(pack:units:))
    }
}
