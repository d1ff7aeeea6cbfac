public import Bytes

/// Four bytes, big-endian.
extension UInt32: StorageKey {
    @inlinable
    public func encode(into writer: inout KeyWriter) { writer.append(self) }

    @inlinable
    public init?(decoding reader: inout ByteReader) {
        guard let value = reader.readUInt32() else { return nil }
        self = value
    }
}

/// Eight bytes, big-endian.
extension UInt64: StorageKey {
    @inlinable
    public func encode(into writer: inout KeyWriter) { writer.append(self) }

    @inlinable
    public init?(decoding reader: inout ByteReader) {
        guard let value = reader.readUInt64() else { return nil }
        self = value
    }
}

/// Eight bytes, big-endian, the sign bit flipped.
extension Int64: StorageKey {
    @inlinable
    public func encode(into writer: inout KeyWriter) { writer.append(self) }

    @inlinable
    public init?(decoding reader: inout ByteReader) {
        guard let value = reader.readKeyInt64() else { return nil }
        self = value
    }
}

/// UTF-8 ended by 0x00; at most 510 bytes, without U+0000. Orders by Unicode scalars.
extension String: StorageKey {
    @inlinable
    public func encode(into writer: inout KeyWriter) { writer.append(text: self) }

    @inlinable
    public init?(decoding reader: inout ByteReader) {
        guard let value = reader.readKeyText() else { return nil }
        self = value
    }
}
