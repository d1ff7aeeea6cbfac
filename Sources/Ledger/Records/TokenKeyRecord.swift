public import Bytes
public import Storage
public import Time

/// A key by which tokens of a product's devices are checked; product and id are its key.
public struct TokenKeyRecord: StorageRecord, Hashable, Sendable {
    public let key: TokenKey
    public let addedAt: Timestamp

    init(key: TokenKey, addedAt: Timestamp) {
        self.key = key
        self.addedAt = addedAt
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1, key, addedAt)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "token key") {
        case .v1: self = try reader.make(Self.init(key:addedAt:))
        }
    }
}
