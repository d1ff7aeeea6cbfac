import Bytes
import Storage

/// A record that is one text.
struct Text: StorageRecord, Equatable, Sendable, ExpressibleByStringLiteral {
    var value: String

    init(_ value: String) { self.value = value }
    init(stringLiteral value: String) { self.value = value }
    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        value = try reader.takeText()
    }

    func encode(into buffer: inout ByteBuffer) { buffer.append(text: value) }
}
