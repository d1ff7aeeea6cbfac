public import Bytes

/// What `KeyWriter` wrote, read back; nil when the bytes end before it does.
extension ByteReader {
    /// A sign-flipped big-endian integer.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func readKeyInt64() -> Int64? {
        guard let bits = readUInt64() else { return nil }
        return Int64(bitPattern: bits ^ (1 << 63))
    }

    /// Text up to its 0x00, which is passed and not part of the answer.
    @inlinable
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    public mutating func readKeyTextBytes() -> Span<UInt8>? {
        var length = 0
        while length < remaining && bytes[offset + length] != 0 { length += 1 }
        guard length < remaining, let text = readBytes(length) else { return nil }
        _ = readUInt8()
        return text
    }

    /// Text up to its 0x00 as a string; nil also when it is not UTF-8.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func readKeyText() -> String? {
        guard let text = readKeyTextBytes(), let utf8 = try? UTF8Span(validating: text) else {
            return nil
        }
        return String(copying: utf8)
    }
}
