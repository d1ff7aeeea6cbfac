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
        guard let type = PacketType(rawValue: firstByte >> 4) else {
            throw DecodingError(.reservedPacketType, at: 0)
        }
        let flags = firstByte & 0x0F
        if type == .publish {
            if flags & 0b0110 == 0b0110 { throw DecodingError(.publishQoSReserved, at: 0) }
            if flags & 0b1110 == 0b1000 { throw DecodingError(.duplicateAtMostOnce, at: 0) }
        } else if flags != type.requiredFlags {
            throw DecodingError(.invalidFlags, at: 0)
        }
        self.type = type
        self.flags = flags
        self.remainingLength = remainingLength
    }

    /// Of a PUBLISH: the message's quality of service (3.3.1.2).
    @inlinable
    public var qos: QoS {
        switch flags & 0b0110 {
        case 0b0010: .atLeastOnce
        case 0b0100: .exactlyOnce
        default: .atMostOnce
        }
    }

    /// Of a PUBLISH: it may have been sent before (3.3.1.1).
    @inlinable
    public var isDuplicate: Bool { flags & 0b1000 != 0 }

    /// Of a PUBLISH: the message is to be, or was, kept for later subscribers (3.3.1.3).
    @inlinable
    public var isRetained: Bool { flags & 0b0001 != 0 }
}
