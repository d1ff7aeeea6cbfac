public import Bytes
public import Storage
public import Time

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

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(RecordVersion.current)
        buffer.append(account)
        buffer.append(package)
        buffer.appendVarint(quantity)
        buffer.append(case: source)
        buffer.append(optional: product)
        buffer.append(at)
        buffer.append(text: actor)
        buffer.appendVarint(sequence)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        try RecordVersion.take(from: &reader, of: "batch")
        account = try reader.take(AccountID.self)
        package = try reader.take(PackageID.self)
        quantity = try reader.takeVarint()
        source = try reader.take(case: CodeSource.self)
        product = try reader.takeOptional(ProductKey.self)
        at = try reader.takeTimestamp()
        actor = try reader.takeText()
        sequence = try reader.takeVarint()
    }
}
