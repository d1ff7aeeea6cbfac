public import Bytes
public import Encoding

/// A tag byte, then the parts in order: what is remembered under an idempotency key.
extension Outcome: StorageRecord {
    public func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .done(let effect):
            buffer.append(UInt8(1))
            effect.encode(into: &buffer)
        case .repeated(let effect):
            buffer.append(UInt8(2))
            effect.encode(into: &buffer)
        case .refused(let refusal):
            buffer.append(UInt8(3))
            refusal.encode(into: &buffer)
        }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        let tag = try reader.takeUInt8()
        self =
            switch tag {
            case 1:
                .done(try Effect(decoding: &reader))
            case 2:
                .repeated(try Effect(decoding: &reader))
            case 3:
                .refused(try Refusal(decoding: &reader))
            default: throw .malformed(what: "outcome")
            }
    }
}
