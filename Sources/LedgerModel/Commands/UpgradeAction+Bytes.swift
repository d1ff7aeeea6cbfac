public import Bytes
public import Encoding

/// A tag byte, then the parts in order. Tags are never used again for something else.
extension UpgradeAction: StorageRecord {
    public func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .request(let identity, let id, let size):
            buffer.append(UInt8(1))
            buffer.append(identity)
            buffer.append(id)
            buffer.append(size)
        case .report(let identity, let id, let succeeded):
            buffer.append(UInt8(2))
            buffer.append(identity)
            buffer.append(id)
            buffer.append(succeeded)
        }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        let tag = try reader.takeUInt8()
        self =
            switch tag {
            case 1:
                .request(
                    try reader.takeIdentity(),
                    try reader.take(UpgradeID.self),
                    try reader.takeUpgradeSize()
                )
            case 2:
                .report(
                    try reader.takeIdentity(),
                    try reader.take(UpgradeID.self),
                    succeeded: try reader.takeBool()
                )
            default: throw .malformed(what: "upgrade action")
            }
    }
}
