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

    /// An account as the command makes it, with the kind that it is found to have.
    init(_ account: NewAccount, kind: AccountKind, createdAt: Timestamp) {
        name = account.name
        self.kind = kind
        parent = account.parent
        email = account.email
        dataCentre = account.dataCentre
        self.createdAt = createdAt
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1)
        buffer.append(text: name)
        buffer.append(case: kind)
        buffer.append(optional: parent)
        buffer.append(optional: email)
        buffer.append(dataCentre)
        buffer.append(createdAt)
        buffer.append(optional: certifiedAt) { $0.append($1) }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "account") {
        case .v1:
            name = try reader.takeText()
            kind = try reader.take(case: AccountKind.self)
            parent = try reader.takeOptional(AccountID.self)
            email = try reader.takeOptional(EmailAddress.self)
            dataCentre = try reader.take(DataCentreID.self)
            createdAt = try reader.takeTimestamp()
            certifiedAt = try reader.takeBool() ? try reader.takeTimestamp() : nil
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
        buffer.append(Version.v1)
        buffer.append(text: name)
        buffer.append(at)
        buffer.append(text: actor)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "contact") {
        case .v1:
            name = try reader.takeText()
            at = try reader.takeTimestamp()
            actor = try reader.takeText()
        }
    }
}

/// An application's or operator's key as the books keep it.
public struct KeyRecord: StorageRecord, Hashable, Sendable {
    public let name: String
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
        buffer.append(Version.v1)
        buffer.append(text: name)
        buffer.append(case: role)
        buffer.append(optional: account)
        buffer.append(optional: products) { $0.append(list: $1) { $0.append($1) } }
        buffer.append(secretHash)
        buffer.append(createdAt)
        buffer.append(optional: revokedAt) { $0.append($1) }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "key") {
        case .v1:
            name = try reader.takeText()
            role = try reader.take(case: KeyRole.self)
            account = try reader.takeOptional(AccountID.self)
            products = try reader.takeOptionalProducts()
            secretHash = try reader.takeSecretHash()
            createdAt = try reader.takeTimestamp()
            revokedAt = try reader.takeBool() ? try reader.takeTimestamp() : nil
        }
    }
}
