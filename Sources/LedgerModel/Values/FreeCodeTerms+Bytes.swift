public import Bytes
public import Encoding

/// The parts in order, within the bytes of an action.
extension FreeCodeTerms: StorageRecord {
    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(case: policy)
        buffer.append(package)
        buffer.append(allowance)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        self.init(
            policy: try reader.take(case: FreeCodePolicy.self),
            package: try reader.take(PackageID.self),
            allowance: try reader.takeAllowance()
        )
    }
}
