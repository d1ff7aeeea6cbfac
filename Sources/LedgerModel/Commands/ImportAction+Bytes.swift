public import Bytes
public import Encoding

/// A tag byte, then the parts in order, within the bytes of an action.
extension ImportAction: StorageRecord {
    public func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .begin(let product, let key, let run):
            buffer.append(UInt8(1))
            buffer.append(product)
            buffer.append(optional: key) { $0.append(text: $1) }
            buffer.append(run)
        case .stage(let product, let number, let after, let rows):
            buffer.append(UInt8(2))
            buffer.append(product)
            buffer.appendVarint(number)
            buffer.appendVarint(after)
            buffer.append(list: rows) { $1.encode(into: &$0) }
        case .commit(let product, let number, let rows, let digest):
            buffer.append(UInt8(3))
            buffer.append(product)
            buffer.appendVarint(number)
            buffer.appendVarint(rows)
            buffer.append(digest.high)
            buffer.append(digest.low)
        case .abandon(let product, let number):
            buffer.append(UInt8(4))
            buffer.append(product)
            buffer.appendVarint(number)
        case .abandonOthers(let run):
            buffer.append(UInt8(5))
            buffer.append(run)
        case .move(let limit):
            buffer.append(UInt8(6))
            buffer.appendVarint(UInt64(limit))
        }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        let tag = try reader.takeUInt8()
        self =
            switch tag {
            case 1:
                .begin(
                    try reader.take(ProductKey.self),
                    key: try reader.takeBool() ? try reader.takeText() : nil,
                    run: try reader.takeUInt64()
                )
            case 2:
                .stage(
                    try reader.take(ProductKey.self),
                    import: try reader.takeVarint(),
                    after: try reader.takeVarint(),
                    rows: try reader.takeList { (reader) throws(MalformedRecord) in
                        try ImportLine(decoding: &reader)
                    }
                )
            case 3:
                .commit(
                    try reader.take(ProductKey.self),
                    import: try reader.takeVarint(),
                    rows: try reader.takeVarint(),
                    digest: FileDigest(
                        high: try reader.takeUInt64(),
                        low: try reader.takeUInt64()
                    )
                )
            case 4: .abandon(try reader.take(ProductKey.self), import: try reader.takeVarint())
            case 5: .abandonOthers(run: try reader.takeUInt64())
            case 6: .move(limit: try reader.takeVarint32())
            default: throw .malformed(what: "import action")
            }
    }
}
