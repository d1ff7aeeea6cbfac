extension Span where Element == UInt8 {
    /// Whether both hold the same bytes. Not for secrets: the time taken tells where they differ.
    @inlinable
    public func isEqual(to other: Span<UInt8>) -> Bool {
        count == other.count && hasPrefix(other)
    }

    /// Whether the first bytes are those of `prefix`. Compares eight at a time, or four.
    @inlinable
    public func hasPrefix(_ prefix: Span<UInt8>) -> Bool {
        let length = prefix.count
        guard count >= length else { return false }
        // Safe: a UInt8 has no padding.
        let bytes = unsafe bytes
        let expected = unsafe prefix.bytes
        guard length >= 8 else {
            if length >= 4 {
                return bytes.half(at: 0) == expected.half(at: 0)
                    && bytes.half(at: length - 4) == expected.half(at: length - 4)
            }
            for index in prefix.indices where self[index] != prefix[index] { return false }
            return true
        }
        var offset = 0
        while offset <= length - 8 {
            guard bytes.word(at: offset) == expected.word(at: offset) else { return false }
            offset += 8
        }
        // The last eight, some of which have been compared before.
        return bytes.word(at: length - 8) == expected.word(at: length - 8)
    }

    @inlinable
    public func isSingleByte(_ byte: UInt8) -> Bool { count == 1 && self[0] == byte }

    /// The index of the first `byte`, or `nil`.
    @inlinable
    public func firstIndex(of byte: UInt8) -> Int? {
        for index in indices where self[index] == byte { return index }
        return nil
    }

    /// How many of them are `byte`. Looks at eight at a time.
    @inlinable
    public func count(of byte: UInt8) -> Int {
        // Safe: a UInt8 has no padding.
        let bytes = unsafe bytes
        let pattern = UInt64(byte) &* 0x0101_0101_0101_0101
        var found = 0
        var offset = 0
        while offset <= count - 8 {
            found += (bytes.word(at: offset) ^ pattern).zeroByteCount
            offset += 8
        }
        while offset < count {
            if self[offset] == byte { found += 1 }
            offset += 1
        }
        return found
    }

    /// A copy that can be kept.
    @inlinable
    public var bytesArray: [UInt8] {
        // Safe: the span lends its bytes for the call, and they are copied in it.
        unsafe withUnsafeBufferPointer { unsafe Array($0) }
    }

    /// A copy as text; `nil` when the bytes are not UTF-8.
    @inlinable
    public var text: String? {
        // Safe: the span lends its bytes for the call, and they are copied in it.
        unsafe withUnsafeBufferPointer { bytes in
            unsafe String(validating: bytes, as: UTF8.self)
        }
    }
}

extension RawSpan {
    /// The eight bytes from `offset` on, which must be there.
    @inlinable
    @inline(__always)
    func word(at offset: Int) -> UInt64 {
        precondition(offset >= 0 && offset + 8 <= byteCount, "outside the bytes")
        // Safe: all eight are inside, as has just been checked, and any bytes are a UInt64.
        return unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self)
    }

    /// The four bytes from `offset` on, which must be there.
    @inlinable
    @inline(__always)
    func half(at offset: Int) -> UInt32 {
        precondition(offset >= 0 && offset + 4 <= byteCount, "outside the bytes")
        // Safe: all four are inside, as has just been checked, and any bytes are a UInt32.
        return unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt32.self)
    }
}

extension UInt64 {
    /// How many of its eight bytes are zero.
    @inlinable
    @inline(__always)
    var zeroByteCount: Int {
        // A byte's high bit is set if one of its other seven is, or was itself: nothing is carried into the next.
        let sevens: UInt64 = 0x7F7F_7F7F_7F7F_7F7F
        let others = ((self & sevens) &+ sevens | self) & ~sevens
        let zeros = (others ^ ~sevens) >> 7
        // The highest byte of the product is the sum of all eight.
        return Int(truncatingIfNeeded: (zeros &* 0x0101_0101_0101_0101) >> 56)
    }
}
