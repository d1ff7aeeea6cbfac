public import Bytes
public import Encoding

/// The parts in order, within the bytes of an action.
extension ProductUpdate: StorageRecord {
    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(optional: name) { $0.append(text: $1) }
        buffer.append(optional: autoRenewal) { $0.append($1) }
        buffer.append(optional: registration) { $0.append(case: $1) }
        buffer.append(optional: dayOffset) { $0.append($1) }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        self.init(
            name: try reader.takeBool() ? try reader.takeText() : nil,
            autoRenewal: try reader.takeBool() ? try reader.takeBool() : nil,
            registration: try reader.takeBool()
                ? try reader.take(case: RegistrationPolicy.self) : nil,
            dayOffset: try reader.takeBool() ? try reader.takeOffset() : nil
        )
    }
}
