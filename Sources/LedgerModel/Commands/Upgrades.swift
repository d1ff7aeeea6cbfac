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
}

/// A tag byte, then the parts in order.
extension UpgradeAction: StorageRecord {
    /// Fixed for good: the tag of a removed case is not used again.
    enum Tag: UInt8, CaseIterable {
        case request = 1
        case report = 2
    }

    public func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .request(let identity, let id, let size):
            buffer.append(case: Tag.request)
            buffer.append(identity)
            buffer.append(id)
            buffer.append(size)
        case .report(let identity, let id, let succeeded):
            buffer.append(case: Tag.report)
            buffer.append(identity)
            buffer.append(id)
            buffer.append(succeeded)
        }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.take(tag: Tag.self, of: "upgrade action") {
            case .request:
                .request(
                    try reader.takeIdentity(),
                    try reader.take(UpgradeID.self),
                    try reader.takeUpgradeSize()
                )
            case .report:
                .report(
                    try reader.takeIdentity(),
                    try reader.take(UpgradeID.self),
                    succeeded: try reader.takeBool()
                )
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
    }

    /// Its name in the API.
    public var name: String {
        switch entry {
        case .requested: "upgrade-requested"
        case .reported(succeeded: true): "upgrade-succeeded"
        case .reported(succeeded: false): "upgrade-failed"
        }
    }
}

/// The upgrade, a tag byte, then the parts in order.
extension UpgradeChange: StorageRecord {
    /// Fixed for good: the tag of a removed case is not used again.
    enum Tag: UInt8, CaseIterable {
        case requested = 1
        case reported = 2
    }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(identity)
        buffer.append(id)
        switch entry {
        case .requested(let size, let fromAllowance, let fromPacks):
            buffer.append(case: Tag.requested)
            buffer.append(size)
            buffer.appendVarint(fromAllowance)
            buffer.appendVarint(fromPacks)
        case .reported(let succeeded):
            buffer.append(case: Tag.reported)
            buffer.append(succeeded)
        }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        identity = try reader.takeIdentity()
        id = try reader.take(UpgradeID.self)
        entry =
            switch try reader.take(tag: Tag.self, of: "change of an upgrade") {
            case .requested:
                .requested(
                    try reader.takeUpgradeSize(),
                    fromAllowance: try reader.takeVarint(),
                    fromPacks: try reader.takeVarint()
                )
            case .reported:
                .reported(succeeded: try reader.takeBool())
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

/// An OTA upgrade as the books keep it (rules D1 and D2): what it cost, and from where that was
/// taken, so that it can be given back there.
public struct UpgradeRecord: StorageRecord, Hashable, Sendable {
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
        buffer.append(Version.v1)
        buffer.appendVarint(sequence)
        buffer.append(size)
        buffer.appendSignedVarint(Int64(month.number))
        buffer.appendVarint(fromAllowance)
        buffer.append(list: draws) { buffer, draw in
            buffer.append(draw.pack)
            buffer.appendVarint(draw.units)
        }
        buffer.append(requestedAt)
        buffer.append(text: requestedBy)
        buffer.append(case: state)
        buffer.append(optional: reportedAt) { $0.append($1) }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "upgrade") {
        case .v1:
            sequence = try reader.takeVarint()
            size = try reader.takeUpgradeSize()
            month = try reader.takeMonth()
            fromAllowance = try reader.takeVarint()
            draws = try reader.takeList { (reader) throws(MalformedRecord) in
                TopUpDraw(pack: try reader.takeTopUpPlace(), units: try reader.takeVarint())
            }
            requestedAt = try reader.takeTimestamp()
            requestedBy = try reader.takeText()
            state = try reader.take(case: UpgradeState.self)
            reportedAt = try reader.takeBool() ? try reader.takeTimestamp() : nil
        }
    }
}

/// What is known of an OTA upgrade (rule D2).
public enum UpgradeState: UInt8, Hashable, Sendable, CaseIterable {
    /// Admitted and paid for; its outcome was not reported.
    case requested = 1
    case succeeded = 2

    /// Its attempts were given back.
    case failed = 3

    /// Its name in the API.
    public var name: String {
        switch self {
        case .requested: "requested"
        case .succeeded: "succeeded"
        case .failed: "failed"
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

/// Units that one upgrade took from one OTA pack (rule D1).
public struct TopUpDraw: Hashable, Sendable {
    public let pack: TopUpPlace
    public let units: UInt64

    public init(pack: TopUpPlace, units: UInt64) {
        self.pack = pack
        self.units = units
    }
}
