public import Synchronization

/// A key under construction, on the stack.
@frozen
public struct KeyWriter: ~Copyable {
    /// What LMDB takes (`mdb_env_get_maxkeysize`, as Debian builds it).
    public static var maximumCount: Int { 511 }

    @usableFromInline var storage: [511 of UInt8]
    @usableFromInline var used: Int

    /// Never read. Its address makes the struct address-only, so the compiler can't copy it for a call.
    @usableFromInline let anchor = Atomic<Bool>(false)

    @inlinable
    public init() {
        storage = .init(repeating: 0)
        used = 0
    }

    /// The bytes of `key`: at least one, at most `maximumCount`.
    @inlinable
    public init(_ key: some StorageKey) {
        self.init()
        key.encode(into: &self)
        precondition(used > 0, "a key has at least one byte")
    }

    @inlinable
    public var count: Int { used }

    @inlinable
    public mutating func removeAll() { used = 0 }

    /// The bytes so far.
    @inlinable
    public var span: Span<UInt8> {
        @_lifetime(borrow self)
        get { storage.span.extracting(0..<used) }
    }

    @inlinable
    public mutating func append(_ byte: UInt8) {
        precondition(used < Self.maximumCount, "a key has at most 511 bytes")
        storage[used] = byte
        used += 1
    }

    @inlinable
    public mutating func append(_ value: UInt16) { appendBigEndian(value) }

    @inlinable
    public mutating func append(_ value: UInt32) { appendBigEndian(value) }

    @inlinable
    public mutating func append(_ value: UInt64) { appendBigEndian(value) }

    /// Big-endian with the sign bit flipped, so that negative numbers order first.
    @inlinable
    public mutating func append(_ value: Int64) {
        appendBigEndian(UInt64(bitPattern: value) ^ (1 << 63))
    }

    /// The bytes alone: for a key's last part, or one of fixed length.
    @inlinable
    public mutating func append(_ bytes: Span<UInt8>) {
        precondition(bytes.count <= Self.maximumCount - used, "a key has at most 511 bytes")
        for index in bytes.indices { storage[used + index] = bytes[index] }
        used += bytes.count
    }

    /// UTF-8 and a 0x00, which the text itself must not contain: "a" before "a-b" before "ab".
    @inlinable
    public mutating func append(text: Span<UInt8>) {
        for index in text.indices { precondition(text[index] != 0, "U+0000 in a key") }
        append(text)
        append(UInt8(0))
    }

    /// UTF-8 and a 0x00, which the text itself must not contain: "a" before "a-b" before "ab".
    @inlinable
    public mutating func append(text: String) {
        var text = text
        text.makeContiguousUTF8()
        append(text: text.utf8Span.span)
    }

    @inlinable
    mutating func appendBigEndian<Integer: FixedWidthInteger & UnsignedInteger>(_ value: Integer) {
        var shift = Integer.bitWidth
        while shift > 0 {
            shift -= 8
            append(UInt8(truncatingIfNeeded: value >> Integer(shift)))
        }
    }

    /// Turns a prefix into the least key above all that begin with it; false when there is none, as
    /// the prefix is empty or all 0xFF.
    public mutating func advancePastPrefix() -> Bool {
        while used > 0 && storage[used - 1] == 0xFF { used -= 1 }
        if used == 0 { return false }
        storage[used - 1] += 1
        return true
    }
}
