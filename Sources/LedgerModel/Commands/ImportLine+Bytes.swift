public import Bytes
public import Encoding

/// The parts in order, within the bytes of an action.
extension ImportLine: StorageRecord {
    public func encode(into buffer: inout ByteBuffer) {
        buffer.appendVarint(line)
        device.encode(into: &buffer)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        self.init(line: try reader.takeVarint(), device: try DeviceImport(decoding: &reader))
    }
}
