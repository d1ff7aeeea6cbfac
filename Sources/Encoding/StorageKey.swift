public import Bytes

/// A value that is a table's key: its bytes order as the values do.
///
/// LMDB orders keys as byte strings (`memcmp`, then length). A key has 1 to
/// `KeyWriter.maximumCount` bytes.
public protocol StorageKey {
    /// Appends the key's bytes. Ones that grow (text) need an end that orders before any
    /// continuation: `KeyWriter.append(text:)` writes 0x00.
    func encode(into writer: inout KeyWriter)

    /// Reads what `encode` wrote; nil when the bytes are not that.
    init?(decoding reader: inout ByteReader)
}
