/// Where properties stand: in a packet of some type (the raw value is that type's), or in a CONNECT
/// as those of the will.
public enum PropertyPlace: UInt8, Sendable, CaseIterable {
    case will = 0
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
    case disconnect = 14
    case auth = 15
}
