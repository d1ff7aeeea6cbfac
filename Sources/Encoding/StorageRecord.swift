public import Bytes

/// A value that a table keeps under a key.
///
/// The bytes are its own; a version byte first lets it grow. See the `append…` and `take…`
/// helpers on `ByteBuffer` and `ByteReader`.
public protocol StorageRecord {
    func encode(into buffer: inout ByteBuffer)

    /// Reads what `encode` wrote; throws when the bytes are not that.
    init(decoding reader: inout ByteReader) throws(MalformedRecord)
}
