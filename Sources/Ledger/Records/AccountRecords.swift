public import Bytes
public import Storage
public import Time

/// An account as the books keep it.
public struct AccountRecord: StorageRecord, Hashable, Sendable {
    public internal(set) var name: String
    public internal(set) var kind: AccountKind

    /// Set for a sub-account.
    public let parent: AccountID?

    /// Where alerts go by default (rule E1).
    public internal(set) var email: EmailAddress?

    /// Where its unassigned codes are counted (rule B13).
    public let dataCentre: DataCentreID
    public let createdAt: Timestamp

    /// Set once it was certified as an enterprise (rule A7).
    public internal(set) var certifiedAt: Timestamp?

    /// Its products, with those of its sub-accounts, that were not deleted (rule A12). Kept for
    /// accounts that are no sub-accounts.
    public internal(set) var products: UInt64 = 0

    /// How many of these it has ever had at once and was given free codes for (rule A7).
    var freeProducts: UInt64 = 0

    /// An account as the command makes it, with the kind that it is found to have.
    init(_ account: NewAccount, kind: AccountKind, createdAt: Timestamp) {
        name = account.name
        self.kind = kind
        parent = account.parent
        email = account.email
        dataCentre = account.dataCentre
        self.createdAt = createdAt
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1, v2 }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(
            Version.v2, name, kind, parent, email, dataCentre, createdAt, certifiedAt, products,
            freeProducts)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        let version = try reader.take(Version.self, of: "account")
        name = try reader.take()
        kind = try reader.take()
        parent = try reader.take()
        email = try reader.take()
        dataCentre = try reader.take()
        createdAt = try reader.take()
        certifiedAt = try reader.take()
        switch version {
        case .v1: break
        case .v2:
            products = try reader.take()
            freeProducts = try reader.take()
        }
    }
}

/// The codes of an account's products that are at home in one data centre, counted (rules A1 and
/// B13), so that an account is shown without a look at each of its products.
struct AccountTotalRecord: StorageRecord, Hashable {
    /// Consumed, by products that were deleted since, too.
    var used: UInt64 = 0

    /// Left in the pools of products that are there.
    var remaining: UInt64 = 0

    init() {}

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1)
        buffer.append(used)
        buffer.append(remaining)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "account's total") {
        case .v1:
            used = try reader.takeUInt64()
            remaining = try reader.takeUInt64()
        }
    }
}

/// A contact of an account as the books keep it (rule E1).
public struct ContactRecord: StorageRecord, Hashable, Sendable {
    public let name: String

    /// When, and by whom, it was put on the list or last changed.
    public let at: Timestamp
    public let actor: String

    init(name: String, at: Timestamp, actor: String) {
        self.name = name
        self.at = at
        self.actor = actor
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1, name, at, actor)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "contact") {
        case .v1: self = try reader.make(Self.init(name:at:actor:))
        }
    }
}

/// An application's or operator's key as the books keep it.
public struct KeyRecord: StorageRecord, Hashable, Sendable {
    public internal(set) var name: String
    public let role: KeyRole

    /// Whose resources it reaches; `nil`: every account's.
    public let account: AccountID?

    /// Which products it reaches; `nil`: all of the account's.
    public let products: [ProductKey]?
    public let secretHash: SecretHash
    public let createdAt: Timestamp

    /// Set once it must not be accepted any more.
    public internal(set) var revokedAt: Timestamp?

    init(
        name: String, role: KeyRole, account: AccountID?, products: [ProductKey]?,
        secretHash: SecretHash, createdAt: Timestamp, revokedAt: Timestamp?
    ) {
        self.name = name
        self.role = role
        self.account = account
        self.products = products
        self.secretHash = secretHash
        self.createdAt = createdAt
        self.revokedAt = revokedAt
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1, name, role, account, products, secretHash, createdAt, revokedAt)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "key") {
        case .v1:
            self = try reader.make(
                Self.init(name:role:account:products:secretHash:createdAt:revokedAt:))
        }
    }
}
