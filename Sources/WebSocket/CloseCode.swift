/// Why a WebSocket is closed (RFC 6455, 7.4.1).
public struct CloseCode: RawRepresentable, Equatable, Hashable, Sendable {
    public let rawValue: UInt16

    public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let normal = CloseCode(rawValue: 1_000)
    public static let goingAway = CloseCode(rawValue: 1_001)
    public static let protocolError = CloseCode(rawValue: 1_002)
    public static let unsupportedData = CloseCode(rawValue: 1_003)
    public static let invalidData = CloseCode(rawValue: 1_007)
    public static let policyViolation = CloseCode(rawValue: 1_008)
    public static let messageTooBig = CloseCode(rawValue: 1_009)

    /// Registered by IANA after the RFC.
    public static let tryAgainLater = CloseCode(rawValue: 1_013)

    /// Whether an endpoint may send it: not what only an API reports (1004 to 1006, 1015), is not
    /// registered yet, or is of no range that there is (7.4.2).
    public var isSendable: Bool {
        switch rawValue {
        case 1_000...1_003, 1_007...1_014, 3_000...4_999: true
        default: false
        }
    }
}
