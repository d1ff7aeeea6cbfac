import Bytes
import Storage

/// A retained message's record, as the table takes it.
struct RetainedBytes: StorageRecord {
    let bytes: [UInt8]

    init(_ message: Message, isCut: Bool) {
        var buffer = ByteBuffer()
        RetainedRecord.encode(message, isCut: isCut, into: &buffer)
        bytes = buffer.span.bytesArray
    }

    func encode(into buffer: inout ByteBuffer) { buffer.append(bytes.span) }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        bytes = reader.readRemaining().bytesArray
    }
}
