/// Control packet types; the raw value is the upper half of the first byte (table 2-1).
public enum PacketType: UInt8, Sendable, CaseIterable {
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
        default: 0
        }
    }

    /// The first byte of a packet of this type, PUBLISH without flags.
    @inlinable
    public var firstByte: UInt8 { rawValue << 4 | requiredFlags }
}
