/// Finds packets in a stream of bytes, storing nothing.
@frozen
public enum Framing: Sendable, Equatable {
    /// A whole packet is there: `totalLength` bytes, its body after the first `headerLength`.
    case packet(FixedHeader, headerLength: Int, totalLength: Int)

    /// More bytes are needed, and what is there breaks no rule yet.
    case incomplete

    /// The packet at the start of `bytes`, which may hold the beginning of one or more than one.
    ///
    /// Every rule is checked with the first byte that can break it: type and flags with byte 1,
    /// the size as soon as the remaining length is known, before any of the body has arrived.
    /// - Parameter maximumPacketSize: bytes, the fixed header among them, as the Maximum Packet
    ///   Size property counts them (3.1.2.11.4).
    /// - Throws: `DecodingError`, whose offset counts from the start of the packet.
    @inlinable
    @inline(__always)
    public static func next(
        in bytes: Span<UInt8>,
        maximumPacketSize: Int
    ) throws(DecodingError) -> Framing {
        guard bytes.count >= 2 else {
            if bytes.count == 1 { _ = try FixedHeader(firstByte: bytes[0], remainingLength: 0) }
            return .incomplete
        }
        return try next(in: bytes, firstByte: bytes[0], maximumPacketSize: maximumPacketSize)
    }

    /// The same of a PUBREL, SUBSCRIBE or UNSUBSCRIBE that is marked as sent before, which MQTT 3.1 does (its chapter
    /// 2.1) and later versions forbid, as if it were not. `nil` when the first byte is of none.
    public static func nextRepetition(
        in bytes: Span<UInt8>,
        maximumPacketSize: Int
    ) throws(DecodingError) -> Framing? {
        guard bytes.count > 0 else { return nil }
        let firstByte = bytes[0] & ~FixedHeader.duplicateBit
        switch PacketType(rawValue: firstByte >> 4) {
        case .pubrel, .subscribe, .unsubscribe: break
        case .connect, .connack, .publish, .puback, .pubrec, .pubcomp, .suback, .unsuback, .pingreq,
            .pingresp, .disconnect, .auth, nil:
            return nil
        }
        guard bytes.count >= 2 else { return .incomplete }
        return try next(in: bytes, firstByte: firstByte, maximumPacketSize: maximumPacketSize)
    }

    /// The packet at the start of two bytes at least, with that first byte.
    @inlinable
    @inline(__always)
    static func next(
        in bytes: Span<UInt8>,
        firstByte: UInt8,
        maximumPacketSize: Int
    ) throws(DecodingError) -> Framing {
        var length = Int(bytes[1])
        var headerLength = 2
        if length >= 0x80 {
            let decoded = try lengthOfSeveralBytes(bytes)
            guard let decoded else {
                _ = try FixedHeader(firstByte: firstByte, remainingLength: 0)
                return .incomplete
            }
            length = decoded.value
            headerLength = 1 + decoded.size
        }
        let header = try FixedHeader(firstByte: firstByte, remainingLength: length)
        let totalLength = headerLength + length
        guard totalLength <= maximumPacketSize else {
            throw DecodingError(.packetTooLarge, at: 1)
        }
        if length > 0, header.type == .pingreq || header.type == .pingresp {
            throw DecodingError(.trailingBytes, at: headerLength)
        }
        guard bytes.count >= totalLength else { return .incomplete }
        return .packet(header, headerLength: headerLength, totalLength: totalLength)
    }

    /// A remaining length of two to four bytes, or nil while its last byte is missing.
    @usableFromInline
    static func lengthOfSeveralBytes(
        _ bytes: Span<UInt8>
    ) throws(DecodingError) -> (value: Int, size: Int)? {
        switch VariableByteInteger.decode(bytes.extracting(1..<bytes.count)) {
        case .value(let value, let size): return (value, size)
        case .incomplete: return nil
        case .tooLong: throw DecodingError(.variableByteIntegerTooLong, at: 1)
        case .notMinimal: throw DecodingError(.variableByteIntegerNotMinimal, at: 1)
        }
    }
}

/// The first bytes of every packet (2.1.1): its type, flags and remaining length, all of them
/// valid.
@frozen
public struct FixedHeader: Sendable, Equatable {
    public let type: PacketType

    /// The lower half of the first byte: as `PacketType.requiredFlags` says, or PUBLISH's own.
    public let flags: UInt8

    /// Bytes of the packet after the fixed header: 0 to 268,435,455.
    public let remainingLength: Int

    /// Checks the first byte: a known type, and the flags it asks for.
    @inlinable
    @inline(__always)
    public init(firstByte: UInt8, remainingLength: Int) throws(DecodingError) {
        flags = firstByte & 0x0F
        self.remainingLength = remainingLength
        // First what comes most often, without asking which of the fifteen it is.
        if firstByte >> 4 == PacketType.publish.rawValue {
            if flags & 0b0110 == 0b0110 { throw DecodingError(.publishQoSReserved, at: 0) }
            if flags & 0b1110 == 0b1000 { throw DecodingError(.duplicateAtMostOnce, at: 0) }
            type = .publish
            return
        }
        guard let type = PacketType(rawValue: firstByte >> 4) else {
            throw DecodingError(.reservedPacketType, at: 0)
        }
        if flags != type.requiredFlags { throw DecodingError(.invalidFlags, at: 0) }
        self.type = type
    }

    /// Of a PUBLISH: the message's quality of service (3.3.1.2).
    @inlinable
    public var qos: QoS { Self.qos(of: flags) }

    @inlinable
    static func qos(of flags: UInt8) -> QoS {
        switch flags & 0b0110 {
        case 0b0010: .atLeastOnce
        case 0b0100: .exactlyOnce
        default: .atMostOnce
        }
    }

    /// Of a PUBLISH: it may have been sent before (3.3.1.1).
    @inlinable
    public var isDuplicate: Bool { flags & Self.duplicateBit != 0 }

    /// Of a PUBLISH: the message is to be, or was, kept for later subscribers (3.3.1.3).
    @inlinable
    public var isRetained: Bool { flags & Self.retainedBit != 0 }

    @inlinable static var duplicateBit: UInt8 { 0b1000 }
    @inlinable static var retainedBit: UInt8 { 0b0001 }
}

/// Control packet types; the raw value is the upper half of the first byte (table 2-1).
public enum PacketType: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    case connect = 1
    case connack = 2
    case publish = 3
    case puback = 4
    case pubrec = 5
    case pubrel = 6
    case pubcomp = 7
    case subscribe = 8
    case suback = 9
    case unsubscribe = 10
    case unsuback = 11
    case pingreq = 12
    case pingresp = 13
    case disconnect = 14
    case auth = 15

    /// The flags this type requires in the lower half of the first byte (table 2-2); PUBLISH has
    /// its own and answers 0 here.
    @inlinable
    public var requiredFlags: UInt8 {
        switch self {
        case .pubrel, .subscribe, .unsubscribe: 0b0010
        case .connect, .connack, .publish, .puback, .pubrec, .pubcomp, .suback, .unsuback, .pingreq,
            .pingresp, .disconnect, .auth:
            0
        }
    }

    /// The first byte of a packet of this type, PUBLISH without flags.
    @inlinable
    public var firstByte: UInt8 { rawValue << 4 | requiredFlags }
}
