public import Bytes

/// Writes the topic filters of an UNSUBSCRIBE; it holds the packet's buffer meanwhile.
@frozen
public struct TopicFilterWriter: ~Copyable {
    @usableFromInline var buffer: ByteBuffer
    @usableFromInline var count = 0

    @inlinable
    init(_ buffer: consuming ByteBuffer) { self.buffer = buffer }

    @inlinable
    consuming func finish() -> ByteBuffer { buffer }

    @inlinable
    public mutating func append(_ filter: Span<UInt8>) {
        buffer.appendCounted(filter)
        count += 1
    }
}
