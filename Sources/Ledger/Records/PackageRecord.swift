public import Bytes
public import Storage
public import Time

/// A package as the books keep it. It never changes: another allowance is another package.
public struct PackageRecord: StorageRecord, Hashable, Sendable {
    public let name: String
    public let allowance: Allowance
    public let createdAt: Timestamp

    init(name: String, allowance: Allowance, createdAt: Timestamp) {
        self.name = name
        self.allowance = allowance
        self.createdAt = createdAt
    }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(RecordVersion.current)
        buffer.append(text: name)
        buffer.append(allowance)
        buffer.append(createdAt)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        try RecordVersion.take(from: &reader, of: "package")
        name = try reader.takeText()
        allowance = try reader.takeAllowance()
        createdAt = try reader.takeTimestamp()
    }
}
