public import Bytes

/// PUBACK (3.4). QoS 1: the message was taken, or refused.
public typealias Puback = Acknowledgement<PubackKind>

/// PUBREC (3.5). QoS 2, part 1: the message was received, or refused.
public typealias Pubrec = Acknowledgement<PubrecKind>

/// PUBREL (3.6). QoS 2, part 2: the identifier can be released.
public typealias Pubrel = Acknowledgement<PubrelKind>

/// PUBCOMP (3.7). QoS 2, part 3: the exchange is complete.
public typealias Pubcomp = Acknowledgement<PubcompKind>

/// Which of the four packets an `Acknowledgement` is.
public protocol AcknowledgementKind {
    static var type: PacketType { get }

    /// The same for its properties.
    static var place: PropertyPlace { get }
}

public enum PubackKind: AcknowledgementKind {
    @inlinable public static var type: PacketType { .puback }
    @inlinable public static var place: PropertyPlace { .puback }
}

public enum PubrecKind: AcknowledgementKind {
    @inlinable public static var type: PacketType { .pubrec }
    @inlinable public static var place: PropertyPlace { .pubrec }
}

public enum PubrelKind: AcknowledgementKind {
    @inlinable public static var type: PacketType { .pubrel }
    @inlinable public static var place: PropertyPlace { .pubrel }
}

public enum PubcompKind: AcknowledgementKind {
    @inlinable public static var type: PacketType { .pubcomp }
    @inlinable public static var place: PropertyPlace { .pubcomp }
}

/// PUBACK, PUBREC, PUBREL and PUBCOMP: they differ in their type only. In MQTT 5.0 the reason code
/// and the properties can be left out from the end, if there is nothing to say (3.4.2).
@frozen
public struct Acknowledgement<Kind: AcknowledgementKind>: ~Escapable, BitwiseCopyable {
    /// Not 0.
    public let packetID: UInt16

    /// Success in MQTT 3.1.1.
    public let reason: ReasonCode

    /// Empty in MQTT 3.1.1.
    public let properties: PropertyView

    @inlinable
    @_lifetime(copy body)
    public init(decoding body: Span<UInt8>, version: ProtocolVersion) throws(DecodingError) {
        var reader = ByteReader(body)
        packetID = try reader.requirePacketID()
        guard version == .v5, !reader.isAtEnd else {
            reason = .success
            properties = PropertyView()
            try reader.requireEnd()
            return
        }
        reason = try reader.requireReasonCode(in: Kind.type)
        properties =
            reader.isAtEnd ? PropertyView() : try PropertyView(reading: &reader, in: Kind.place)
        try reader.requireEnd()
    }

    /// Appends the packet without properties; in 3.1.1 there is no place for `reason`.
    @inlinable
    @inline(__always)
    public static func encode(
        packetID: UInt16,
        reason: ReasonCode = .success,
        version: ProtocolVersion,
        into buffer: inout ByteBuffer
    ) {
        precondition(packetID != 0, "a packet identifier of 0")
        let first = UInt32(Kind.type.firstByte) << 24
        if reason == .success || version == .v3_1_1 {
            buffer.append(first | 2 << 16 | UInt32(packetID))
            return
        }
        precondition(reason.isAllowed(in: Kind.type), "no reason code of this packet")
        buffer.append(first | 3 << 16 | UInt32(packetID))
        buffer.append(reason.rawValue)
    }

    /// Appends the packet; in 3.1.1 there is no place for `reason` and `properties`.
    @inlinable
    public static func encode(
        packetID: UInt16,
        reason: ReasonCode = .success,
        version: ProtocolVersion,
        into buffer: inout ByteBuffer,
        properties: (inout PropertyWriter) -> Void
    ) {
        precondition(packetID != 0, "a packet identifier of 0")
        precondition(reason.isAllowed(in: Kind.type), "no reason code of this packet")
        let packet = buffer.beginPacket(Kind.type.firstByte, expecting: 2)
        buffer.append(packetID)
        if version == .v5 { buffer.appendOptional(reason, in: Kind.place, properties) }
        buffer.endLength(packet)
    }
}
