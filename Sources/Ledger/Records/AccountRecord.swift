public import Bytes
public import Storage
public import Time

/// An account as the books keep it.
public struct AccountRecord: StorageRecord, Hashable, Sendable {
    public let name: String
    public let kind: AccountKind

    /// Set for a sub-account.
    public let parent: AccountID?
    public let createdAt: Timestamp

    init(name: String, kind: AccountKind, parent: AccountID?, createdAt: Timestamp) {
        self.name = name
        self.kind = kind
        self.parent = parent
        self.createdAt = createdAt
    }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(RecordVersion.current)
        buffer.append(text: name)
        buffer.append(case: kind)
        buffer.append(optional: parent)
        buffer.append(createdAt)
    }

    public init(decoding reader: inout ByteReader) throws(StoreError) {
        try RecordVersion.take(from: &reader, of: "account")
        name = try reader.takeText()
        kind = try reader.take(case: AccountKind.self)
        parent = try reader.takeOptional(AccountID.self)
        createdAt = try reader.takeTimestamp()
    }
}
