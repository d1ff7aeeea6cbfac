/// An alert of the record protocol (RFC 8446, 6; RFC 5246, 7.2), by its number.
public struct TLSAlert: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    public static let closeNotify = TLSAlert(rawValue: 0)
    public static let unexpectedMessage = TLSAlert(rawValue: 10)
    public static let badRecordMAC = TLSAlert(rawValue: 20)
    public static let recordOverflow = TLSAlert(rawValue: 22)
    public static let handshakeFailure = TLSAlert(rawValue: 40)
    public static let badCertificate = TLSAlert(rawValue: 42)
    public static let unsupportedCertificate = TLSAlert(rawValue: 43)
    public static let certificateRevoked = TLSAlert(rawValue: 44)
    public static let certificateExpired = TLSAlert(rawValue: 45)
    public static let certificateUnknown = TLSAlert(rawValue: 46)
    public static let illegalParameter = TLSAlert(rawValue: 47)
    public static let unknownAuthority = TLSAlert(rawValue: 48)
    public static let accessDenied = TLSAlert(rawValue: 49)
    public static let decodeError = TLSAlert(rawValue: 50)
    public static let decryptError = TLSAlert(rawValue: 51)
    public static let protocolVersion = TLSAlert(rawValue: 70)
    public static let insufficientSecurity = TLSAlert(rawValue: 71)
    public static let internalError = TLSAlert(rawValue: 80)
    public static let userCanceled = TLSAlert(rawValue: 90)
    public static let missingExtension = TLSAlert(rawValue: 109)
    public static let unrecognizedName = TLSAlert(rawValue: 112)
    public static let certificateRequired = TLSAlert(rawValue: 116)
    public static let noApplicationProtocol = TLSAlert(rawValue: 120)
}
