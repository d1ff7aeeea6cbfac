public import Bytes
public import Encoding

/// The parts in order, within the bytes of an action.
extension DeviceImport: StorageRecord {
    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(device)
        buffer.append(optional: secret)
        buffer.append(text: name)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        self.init(
            device: try reader.take(DeviceKey.self),
            secret: try reader.takeOptionalSealedSecret(),
            name: try reader.takeText()
        )
    }
}
