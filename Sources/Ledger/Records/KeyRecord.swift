public import Bytes
public import Storage
public import Time

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

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(RecordVersion.current)
        buffer.append(text: name)
        buffer.append(case: role)
        buffer.append(optional: account)
        buffer.append(optional: products) { $0.append(list: $1) { $0.append($1) } }
        buffer.append(secretHash)
        buffer.append(createdAt)
        buffer.append(optional: revokedAt) { $0.append($1) }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        try RecordVersion.take(from: &reader, of: "key")
        name = try reader.takeText()
        role = try reader.take(case: KeyRole.self)
        account = try reader.takeOptional(AccountID.self)
        products = try reader.takeOptionalProducts()
        secretHash = try reader.takeSecretHash()
        createdAt = try reader.takeTimestamp()
        revokedAt = try reader.takeBool() ? try reader.takeTimestamp() : nil
    }
}
