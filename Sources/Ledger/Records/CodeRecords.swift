public import Bytes
public import Storage
public import Time

/// A package as the books keep it. It never changes: another allowance is another package.
public struct PackageRecord: StorageRecord, Hashable, Sendable {
    public internal(set) var name: String
    public let allowance: Allowance
    public let createdAt: Timestamp

    init(name: String, allowance: Allowance, createdAt: Timestamp) {
        self.name = name
        self.allowance = allowance
        self.createdAt = createdAt
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1, name, allowance, createdAt)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "package") {
        case .v1: self = try reader.make(Self.init(name:allowance:createdAt:))
        }
    }
}

/// A batch of codes as it came to an account (rule A9), kept for audit: its serials are the one it is
/// filed under and the `quantity - 1` after it.
public struct BatchRecord: StorageRecord, Hashable, Sendable {
    public let account: AccountID
    public let package: PackageID
    public let quantity: UInt64
    public let source: CodeSource

    /// Set when it was bought for a product straight away (rule A2).
    public let product: ProductKey?
    public let at: Timestamp
    public let actor: String

    /// Number of its event; the log says the rest.
    public let sequence: UInt64

    /// How many of its codes were voided since (rule A11).
    public internal(set) var voided: UInt64 = 0

    init(
        account: AccountID, package: PackageID, quantity: UInt64, source: CodeSource,
        product: ProductKey?, at: Timestamp, actor: String, sequence: UInt64
    ) {
        self.account = account
        self.package = package
        self.quantity = quantity
        self.source = source
        self.product = product
        self.at = at
        self.actor = actor
        self.sequence = sequence
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1, v2 }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(
            Version.v2, account, package, quantity, source, product, at, actor, sequence, voided)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        let version = try reader.take(Version.self, of: "batch")
        self = try reader.make(
            Self.init(account:package:quantity:source:product:at:actor:sequence:))
        switch version {
        case .v1: break
        case .v2: voided = try reader.take()
        }
    }
}

/// An account's codes of one package, counted (rule A10): bought + granted = unassigned + assigned +
/// voided.
public struct HoldingRecord: StorageRecord, Hashable, Sendable {
    public internal(set) var bought: UInt64
    public internal(set) var granted: UInt64

    /// To products, at purchase or later.
    public internal(set) var assigned: UInt64

    /// By corrections (rule A11).
    public internal(set) var voided: UInt64

    init(bought: UInt64, granted: UInt64, assigned: UInt64, voided: UInt64 = 0) {
        self.bought = bought
        self.granted = granted
        self.assigned = assigned
        self.voided = voided
    }

    public var unassigned: UInt64 { bought + granted - assigned - voided }

    private enum Version: UInt8, RecordVersion { case v1 = 1, v2 }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v2, bought, granted, assigned, voided)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "holding") {
        case .v1: self = try reader.make { Self(bought: $0, granted: $1, assigned: $2) }
        case .v2: self = try reader.make(Self.init(bought:granted:assigned:voided:))
        }
    }
}

/// How many codes of a batch are unassigned, from the serial they are filed under on.
struct RangeRecord: StorageRecord, Hashable, Sendable {
    let quantity: UInt64

    init(quantity: UInt64) {
        self.quantity = quantity
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1, quantity)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "range") {
        case .v1: quantity = try reader.take()
        }
    }
}

/// An entry of the assignment history (rule A3).
public struct AssignmentRecord: StorageRecord, Hashable, Sendable {
    public let product: ProductKey
    public let package: PackageID
    public let quantity: UInt64
    public let at: Timestamp
    public let actor: String

    /// How many of its codes were taken back since (rule A11).
    public internal(set) var voided: UInt64 = 0

    init(product: ProductKey, package: PackageID, quantity: UInt64, at: Timestamp, actor: String) {
        self.product = product
        self.package = package
        self.quantity = quantity
        self.at = at
        self.actor = actor
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1, v2 }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v2, product, package, quantity, at, actor, voided)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        let version = try reader.take(Version.self, of: "assignment")
        self = try reader.make(Self.init(product:package:quantity:at:actor:))
        switch version {
        case .v1: break
        case .v2: voided = try reader.take()
        }
    }
}

/// How many codes of a batch are void, from the serial they are filed under on (rule A11).
struct VoidRecord: StorageRecord, Hashable, Sendable {
    let quantity: UInt64

    /// Number of the correction's event.
    let sequence: UInt64

    init(quantity: UInt64, sequence: UInt64) {
        self.quantity = quantity
        self.sequence = sequence
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1, quantity, sequence)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "void codes") {
        case .v1: self = try reader.make(Self.init(quantity:sequence:))
        }
    }
}
