public import Bytes
public import Encoding

/// The pack, a tag byte, then the parts in order. Tags are never used again for something else.
extension TopUpChange: StorageRecord {
    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(pack)
        switch entry {
        case .entered(let source, let quantity):
            buffer.append(UInt8(1))
            buffer.append(case: source)
            buffer.appendVarint(quantity)
        case .leased(let lease, let units, let holder):
            buffer.append(UInt8(2))
            buffer.appendVarint(lease)
            buffer.appendVarint(units)
            buffer.append(holder)
        case .settled(let lease, let used, let returned):
            buffer.append(UInt8(3))
            buffer.appendVarint(lease)
            buffer.appendVarint(used)
            buffer.appendVarint(returned)
        case .abandoned(let lease, let units):
            buffer.append(UInt8(4))
            buffer.appendVarint(lease)
            buffer.appendVarint(units)
        case .expired(let units):
            buffer.append(UInt8(5))
            buffer.appendVarint(units)
        case .deducted(let units, let identity, let upgrade):
            buffer.append(UInt8(6))
            buffer.appendVarint(units)
            buffer.append(identity)
            buffer.append(upgrade)
        case .returned(let units, let identity, let upgrade):
            buffer.append(UInt8(7))
            buffer.appendVarint(units)
            buffer.append(identity)
            buffer.append(upgrade)
        }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        pack = try reader.takeTopUpPlace()
        let tag = try reader.takeUInt8()
        entry =
            switch tag {
            case 1:
                .entered(
                    try reader.take(case: TopUpSource.self),
                    quantity: try reader.takeVarint()
                )
            case 2:
                .leased(
                    lease: try reader.takeVarint(),
                    units: try reader.takeVarint(),
                    holder: try reader.take(LeaseHolder.self)
                )
            case 3:
                .settled(
                    lease: try reader.takeVarint(),
                    used: try reader.takeVarint(),
                    returned: try reader.takeVarint()
                )
            case 4:
                .abandoned(lease: try reader.takeVarint(), units: try reader.takeVarint())
            case 5:
                .expired(units: try reader.takeVarint())
            case 6:
                .deducted(
                    units: try reader.takeVarint(),
                    try reader.takeIdentity(),
                    try reader.take(UpgradeID.self)
                )
            case 7:
                .returned(
                    units: try reader.takeVarint(),
                    try reader.takeIdentity(),
                    try reader.take(UpgradeID.self)
                )
            default: throw .malformed(what: "change of a top-up pack")
            }
    }
}
