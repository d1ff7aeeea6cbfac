public import Bytes

/// Writes the subscriptions of a SUBSCRIBE; it holds the packet's buffer meanwhile.
@frozen
public struct SubscriptionWriter: ~Copyable {
    @usableFromInline var buffer: ByteBuffer
    @usableFromInline let version: ProtocolVersion
    @usableFromInline var count = 0

    @inlinable
    init(_ buffer: consuming ByteBuffer, version: ProtocolVersion) {
        self.buffer = buffer
        self.version = version
    }

    @inlinable
    consuming func finish() -> ByteBuffer { buffer }

    /// Appends a topic filter with its options, of which MQTT 3.1.1 has only the QoS.
    @inlinable
    public mutating func append(_ filter: Span<UInt8>, _ options: SubscriptionOptions) {
        buffer.appendCounted(filter)
        buffer.append(version == .v5 ? options.rawValue : options.qos.rawValue)
        count += 1
    }

    @inlinable
    public mutating func append(_ filter: Span<UInt8>, qos: QoS) {
        append(filter, SubscriptionOptions(qos: qos))
    }
}
