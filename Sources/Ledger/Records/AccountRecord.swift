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

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(RecordVersion.current)
        buffer.append(text: name)
        buffer.append(case: kind)
        buffer.append(optional: parent)
        buffer.append(optional: email)
        buffer.append(dataCentre)
        buffer.append(createdAt)
        buffer.append(optional: certifiedAt) { $0.append($1) }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        try RecordVersion.take(from: &reader, of: "account")
        name = try reader.takeText()
        kind = try reader.take(case: AccountKind.self)
        parent = try reader.takeOptional(AccountID.self)
        email = try reader.takeOptional(EmailAddress.self)
        dataCentre = try reader.take(DataCentreID.self)
        createdAt = try reader.takeTimestamp()
        certifiedAt = try reader.takeBool() ? try reader.takeTimestamp() : nil
    }
}
