extension Span where Element == UInt8 {
    /// Whether both hold the same bytes. Not for secrets: the time taken tells where they differ.
    @inlinable
    public func isEqual(to other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        for index in indices where self[index] != other[index] { return false }
        return true
    }

    @inlinable
    public func hasPrefix(_ prefix: Span<UInt8>) -> Bool {
        guard count >= prefix.count else { return false }
        for index in prefix.indices where self[index] != prefix[index] { return false }
        return true
    }

    @inlinable
    public func isSingleByte(_ byte: UInt8) -> Bool { count == 1 && self[0] == byte }

    /// The index of the first `byte`, or `nil`.
    @inlinable
    public func firstIndex(of byte: UInt8) -> Int? {
        for index in indices where self[index] == byte { return index }
        return nil
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
