public import Bytes
public import Encoding

/// A tag byte, then the parts in order. Tags are never used again for something else.
extension TopUpAction: StorageRecord {
    public func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .enter(let account, let kind, let source, let quantity, let expiresAt):
            buffer.append(UInt8(1))
            buffer.append(account)
            buffer.append(case: kind)
            buffer.append(case: source)
            buffer.appendVarint(quantity)
            buffer.append(expiresAt)
        case .lease(let account, let holder, let needed, let block):
            buffer.append(UInt8(2))
            buffer.append(account)
            buffer.append(holder)
            buffer.appendVarint(needed)
            buffer.appendVarint(block)
        case .settle(let lease, let used):
            buffer.append(UInt8(3))
            buffer.appendVarint(lease)
            buffer.appendVarint(used)
        case .abandon(let holder, let limit):
            buffer.append(UInt8(4))
            buffer.append(holder)
            buffer.appendVarint(UInt64(limit))
        case .expire(let limit):
            buffer.append(UInt8(5))
            buffer.appendVarint(UInt64(limit))
        }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        let tag = try reader.takeUInt8()
        self =
            switch tag {
            case 1:
                .enter(
                    try reader.take(AccountID.self),
                    try reader.take(case: TopUpKind.self),
                    source: try reader.take(case: TopUpSource.self),
                    quantity: try reader.takeVarint(),
                    expiresAt: try reader.takeTimestamp()
                )
            case 2:
                .lease(
                    try reader.take(AccountID.self),
                    holder: try reader.take(LeaseHolder.self),
                    needed: try reader.takeVarint(),
                    block: try reader.takeVarint()
                )
            case 3:
                .settle(lease: try reader.takeVarint(), used: try reader.takeVarint())
            case 4:
                .abandon(
                    holder: try reader.take(LeaseHolder.self),
                    limit: try reader.takeVarint32()
                )
            case 5:
                .expire(limit: try reader.takeVarint32())
            default: throw .malformed(what: "top-up action")
            }
    }
}
