/// Return codes of an MQTT 3.1.1 CONNACK (its table 3.1).
public enum ConnectReturnCode: UInt8, Sendable, CaseIterable {
    case accepted = 0
    case unacceptableProtocolVersion = 1
    case identifierRejected = 2
    case serverUnavailable = 3
    case badUserNameOrPassword = 4
    case notAuthorized = 5

    /// The nearest 3.1.1 has to an MQTT 5.0 reason: what passes with time is 3, what does not is 5.
    @inlinable
    public init(_ reason: ReasonCode) {
        switch reason {
        case .unsupportedProtocolVersion: self = .unacceptableProtocolVersion
        case .clientIdentifierNotValid: self = .identifierRejected
        case .badUserNameOrPassword, .badAuthenticationMethod: self = .badUserNameOrPassword
        case .unspecifiedError, .implementationSpecificError, .serverUnavailable, .serverBusy,
            .serverShuttingDown, .useAnotherServer, .serverMoved, .connectionRateExceeded:
            self = .serverUnavailable
        default: self = reason.isFailure ? .notAuthorized : .accepted
        }
    }

    /// The MQTT 5.0 reason code of the same meaning.
    @inlinable
    public var reason: ReasonCode {
        switch self {
        case .accepted: .success
        case .unacceptableProtocolVersion: .unsupportedProtocolVersion
        case .identifierRejected: .clientIdentifierNotValid
        case .serverUnavailable: .serverUnavailable
        case .badUserNameOrPassword: .badUserNameOrPassword
        case .notAuthorized: .notAuthorized
        }
    }
}
