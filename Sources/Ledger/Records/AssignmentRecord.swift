public import Bytes
public import Storage
public import Time

/// An entry of the assignment history (rule A3).
public struct AssignmentRecord: StorageRecord, Hashable, Sendable {
    public let product: ProductKey
    public let package: PackageID
    public let quantity: UInt64
    public let at: Timestamp
    public let actor: String

    init(product: ProductKey, package: PackageID, quantity: UInt64, at: Timestamp, actor: String) {
        self.product = product
        self.package = package
        self.quantity = quantity
        self.at = at
        self.actor = actor
    }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(RecordVersion.current)
        buffer.append(product)
        buffer.append(package)
        buffer.appendVarint(quantity)
        buffer.append(at)
        buffer.append(text: actor)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        try RecordVersion.take(from: &reader, of: "assignment")
        product = try reader.take(ProductKey.self)
        package = try reader.take(PackageID.self)
        quantity = try reader.takeVarint()
        at = try reader.takeTimestamp()
        actor = try reader.takeText()
    }
}
