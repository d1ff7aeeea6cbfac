public import Bytes
public import Encoding

/// The upgrade, a tag byte, then the parts in order. Tags are never used again for something else.
extension UpgradeChange: StorageRecord {
    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(identity)
        buffer.append(id)
        switch entry {
        case .requested(let size, let fromAllowance, let fromPacks):
            buffer.append(UInt8(1))
            buffer.append(size)
            buffer.appendVarint(fromAllowance)
            buffer.appendVarint(fromPacks)
        case .reported(let succeeded):
            buffer.append(UInt8(2))
            buffer.append(succeeded)
        }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        identity = try reader.takeIdentity()
        id = try reader.take(UpgradeID.self)
        let tag = try reader.takeUInt8()
        entry =
            switch tag {
            case 1:
                .requested(
                    try reader.takeUpgradeSize(),
                    fromAllowance: try reader.takeVarint(),
                    fromPacks: try reader.takeVarint()
                )
            case 2:
                .reported(succeeded: try reader.takeBool())
            default: throw .malformed(what: "change of an upgrade")
            }
    }
}
