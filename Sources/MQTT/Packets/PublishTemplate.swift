public import Bytes

/// A PUBLISH packet that is encoded once and sent to many: only the packet identifier, which has its
/// place, differs from receiver to receiver.
@frozen
public struct PublishTemplate: ~Copyable, Sendable {
    @usableFromInline var packet = ByteBuffer()

    /// Where the packet identifier goes; -1 in QoS 0.
    @usableFromInline var identifierOffset = -1

    @inlinable
    public init() {}

    /// Nothing has been encoded.
    @inlinable
    public var isEmpty: Bool { packet.isEmpty }

    /// Bytes of the whole packet.
    @inlinable
    public var count: Int { packet.count }

    /// Forgets the packet, and keeps its memory.
    @inlinable
    public mutating func removeAll() { packet.removeAll() }

    /// Encodes the packet, in place of an earlier one.
    public mutating func encode(
        topic: Span<UInt8>,
        payload: Span<UInt8>,
        form: PublishForm,
        properties: (inout PropertyWriter) -> Void = { _ in }
    ) {
        packet.removeAll()
        let hasIdentifier = form.qos != .atMostOnce
        Publish.encode(
            topic: topic,
            payload: payload,
            qos: form.qos,
            packetID: hasIdentifier ? .max : nil,
            isRetained: form.isRetained,
            isDuplicate: form.isDuplicate,
            version: form.version,
            into: &packet,
            properties: properties
        )
        guard hasIdentifier else { return identifierOffset = -1 }
        var lengthEnd = 1
        while packet[lengthEnd] >= 0x80 { lengthEnd += 1 }
        identifierOffset = lengthEnd + 1 + 2 + topic.count
    }

    /// Appends the packet. `packetID` is asked for by QoS 1 and 2, and not 0 there.
    @inlinable
    public func append(to output: inout ByteBuffer, packetID: UInt16?) {
        precondition(!isEmpty, "a template before it was encoded")
        precondition((identifierOffset < 0) == (packetID == nil), "an identifier if above QoS 0")
        let start = output.count
        output.append(packet.span)
        guard let packetID else { return }
        precondition(packetID != 0, "a packet identifier of 0")
        output[start + identifierOffset] = UInt8(truncatingIfNeeded: packetID >> 8)
        output[start + identifierOffset + 1] = UInt8(truncatingIfNeeded: packetID)
    }
}
