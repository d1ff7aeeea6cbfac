public import Bytes
public import Encoding

/// A tag byte, then the parts in order: what is remembered under an idempotency key.
extension Effect: StorageRecord {
    public func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .unchanged:
            buffer.append(UInt8(1))
        case .changed(let change):
            buffer.append(UInt8(2))
            change.encode(into: &buffer)
        case .entitled(let entitlement, let consumed):
            buffer.append(UInt8(3))
            buffer.append(entitlement)
            buffer.append(consumed)
        case .registered(let secret):
            buffer.append(UInt8(4))
            buffer.append(secret)
        case .ended(let count, let more):
            buffer.append(UInt8(5))
            buffer.appendVarint(UInt64(count))
            buffer.append(more)
        case .importBegun, .importKnown, .staged, .moved: encodeImport(into: &buffer)
        case .leased(let lease):
            buffer.append(UInt8(10))
            buffer.append(lease)
        case .upgrade(let upgrade):
            buffer.append(UInt8(11))
            buffer.append(upgrade.identity)
            buffer.append(upgrade.id)
            upgrade.record.encode(into: &buffer)
        }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        let tag = try reader.takeUInt8()
        self =
            switch tag {
            case 1:
                .unchanged
            case 2:
                .changed(try Change(decoding: &reader))
            case 3:
                .entitled(
                    try reader.takeEntitlement(),
                    consumed: try reader.takeBool()
                )
            case 4:
                .registered(try reader.takeSealedSecret())
            case 5:
                .ended(
                    count: try reader.takeVarint32(),
                    more: try reader.takeBool()
                )
            case 10:
                .leased(try reader.takeTopUpLease())
            case 11:
                .upgrade(
                    Upgrade(
                        identity: try reader.takeIdentity(),
                        id: try reader.take(UpgradeID.self),
                        record: try UpgradeRecord(decoding: &reader)
                    )
                )
            default: try Self.decodeImport(tag, from: &reader)
            }
    }

    private func encodeImport(into buffer: inout ByteBuffer) {
        switch self {
        case .importBegun(let number):
            buffer.append(UInt8(20))
            buffer.appendVarint(number)
        case .importKnown:
            buffer.append(UInt8(21))
        case .staged(let rows):
            buffer.append(UInt8(22))
            buffer.appendVarint(rows)
        case .moved(let count, let more):
            buffer.append(UInt8(23))
            buffer.appendVarint(UInt64(count))
            buffer.append(more)
        default: break
        }
    }

    @_lifetime(reader: copy reader)
    private static func decodeImport(
        _ tag: UInt8,
        from reader: inout ByteReader
    ) throws(MalformedRecord) -> Effect {
        switch tag {
        case 20:
            .importBegun(try reader.takeVarint())
        case 21:
            .importKnown
        case 22:
            .staged(rows: try reader.takeVarint())
        case 23:
            .moved(count: try reader.takeVarint32(), more: try reader.takeBool())
        default: throw .malformed(what: "effect")
        }
    }
}
