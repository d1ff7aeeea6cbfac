public import Bytes

/// The parts that records are made of; `ByteReader.take…` reads them back.
extension ByteBuffer {
    /// 7 bits a byte, low ones first, the high bit saying that more follow (LEB128): 1 to 10 bytes.
    @inlinable
    public mutating func appendVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(rest))
    }

    /// A signed varint, zigzag: small magnitudes stay short.
    @inlinable
    public mutating func appendSignedVarint(_ value: Int64) {
        appendVarint(UInt64(bitPattern: value << 1 ^ value >> 63))
    }

    @inlinable
    public mutating func append(_ value: Bool) { append(value ? UInt8(1) : UInt8(0)) }

    /// The length as a varint, then the bytes.
    @inlinable
    public mutating func append(counted bytes: Span<UInt8>) {
        appendVarint(UInt64(bytes.count))
        append(bytes)
    }

    /// The length in bytes as a varint, then UTF-8.
    @inlinable
    public mutating func append(text: String) {
        var text = text
        text.makeContiguousUTF8()
        append(counted: text.utf8Span.span)
    }

    /// 0 for nil, or 1 and what `body` appends.
    @inlinable
    public mutating func append<Wrapped>(
        optional value: Wrapped?,
        _ body: (inout ByteBuffer, Wrapped) -> Void
    ) {
        guard let value else { return append(false) }
        append(true)
        body(&self, value)
    }

    /// The count as a varint, then what `body` appends for each.
    @inlinable
    public mutating func append<Element>(
        list: [Element],
        _ body: (inout ByteBuffer, Element) -> Void
    ) {
        appendVarint(UInt64(list.count))
        for element in list { body(&self, element) }
    }
}
