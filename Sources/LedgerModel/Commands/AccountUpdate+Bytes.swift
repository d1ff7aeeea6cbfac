public import Bytes
public import Encoding

/// The parts in order, within the bytes of an action.
extension AccountUpdate: StorageRecord {
    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(optional: name) { $0.append(text: $1) }
        buffer.append(optional: email)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        self.init(
            name: try reader.takeBool() ? try reader.takeText() : nil,
            email: try reader.takeOptional(EmailAddress.self)
        )
    }
}
