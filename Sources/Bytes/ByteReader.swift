/// A cursor over borrowed bytes: reads big-endian integers and slices, never past
/// the end, and allocates nothing.
///
/// A read that does not fit answers `nil` and leaves the cursor where it was; the parser
/// turns that into the error of its format.
@frozen
public struct ByteReader: ~Escapable, BitwiseCopyable {
    /// All the bytes, the ones already read among them.
    public let bytes: Span<UInt8>

    /// How many bytes have been read: 0 to `bytes.count`.
    @usableFromInline var position: Int

    @inlinable
    public var offset: Int { position }

    @inlinable
    @_lifetime(copy bytes)
    public init(_ bytes: Span<UInt8>) {
        self.bytes = bytes
        self.position = 0
    }

    /// The bytes still to be read.
    @inlinable
    public var remaining: Int { bytes.count - offset }

    @inlinable
    public var isAtEnd: Bool { offset == bytes.count }

    @inlinable
    @inline(__always)
    @_lifetime(self: copy self)
    public mutating func readUInt8() -> UInt8? {
        guard remaining >= 1 else { return nil }
        defer { position += 1 }
        return bytes[offset]
    }

    @inlinable
    @inline(__always)
    @_lifetime(self: copy self)
    public mutating func readUInt16() -> UInt16? {
        guard remaining >= 2 else { return nil }
        defer { position += 2 }
        return UInt16(bytes[offset]) << 8 | UInt16(bytes[offset + 1])
    }

    @inlinable
    @_lifetime(self: copy self)
    public mutating func readUInt32() -> UInt32? {
        guard remaining >= 4 else { return nil }
        var value: UInt32 = 0
        for index in offset..<offset + 4 { value = value << 8 | UInt32(bytes[index]) }
        position += 4
        return value
    }

    @inlinable
    @_lifetime(self: copy self)
    public mutating func readUInt64() -> UInt64? {
        guard remaining >= 8 else { return nil }
        var value: UInt64 = 0
        for index in offset..<offset + 8 { value = value << 8 | UInt64(bytes[index]) }
        position += 8
        return value
    }

    /// The next `count` bytes, borrowed; `count` must not be negative.
    @inlinable
    @inline(__always)
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    public mutating func readBytes(_ count: Int) -> Span<UInt8>? {
        guard remaining >= count else { return nil }
        defer { position += count }
        return bytes.extracting(offset..<offset + count)
    }

    /// Everything that is left.
    @inlinable
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    public mutating func readRemaining() -> Span<UInt8> {
        defer { position = bytes.count }
        return bytes.extracting(offset..<bytes.count)
    }
}
