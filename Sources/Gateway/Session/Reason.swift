public import MQTT

/// Why a connection, a publish or a subscribe was refused or ended: one enumeration for the wire,
/// the logs, the metrics and the API (wire.md, "Refusals and endings").
public enum Reason: Int, Error, CaseIterable, Sendable {
    // Before a CONNACK.
    case handshakeFailed
    case handshakeTimeout
    case connectTimeout
    case notMQTT
    case webSocketRefused
    case unsupportedProtocolVersion
    case clientIdentifierNotValid
    case badCredentials
    case deviceDisabled
    case notAllowedOnListener
    case noCodeLeft
    case activationExpired
    case ledgerUnavailable
    case serverBusy
    case connectionRateExceeded

    // While connected.
    case malformedPacket
    case protocolError
    case webSocketViolation
    case packetTooLarge
    case receiveMaximumExceeded
    case topicAliasInvalid
    case sessionTakenOver
    case keepAliveTimeout
    case entitlementEnded
    case kicked
    case shuttingDown
    case topicNotAllowed
    case topicNameInvalid
    case payloadFormatInvalid
    case retainedFull
    case notStored
    case topicFilterInvalid
    case quotaExceeded
    case badAuthenticationMethod

    // How a connection ends by itself.
    case disconnected
    case connectionLost

    /// The name in logs, metrics and the API's problem documents: stable, in kebab case.
    public var name: String { row.name }

    /// One clause for people; the Reason String of MQTT 5.
    public var text: String { row.text }

    /// The MQTT 5 reason code of CONNACK, DISCONNECT, PUBACK or SUBACK, wherever this reason applies.
    public var reasonCode: ReasonCode { row.code }

    /// The MQTT 3.1.1 CONNACK return code, or `nil` where that version just closes.
    public var returnCode: ConnectReturnCode? { row.returnCode }

    private typealias Row = (
        name: String, code: ReasonCode, returnCode: ConnectReturnCode?, text: String
    )

    private var row: Row {
        rawValue <= Reason.connectionRateExceeded.rawValue ? admissionRow : connectedRow
    }

    private var admissionRow: Row {
        switch self {
        case .handshakeFailed:
            ("handshake-failed", .unspecifiedError, nil, "the TLS handshake failed")
        case .handshakeTimeout:
            ("handshake-timeout", .unspecifiedError, nil, "the TLS handshake took too long")
        case .connectTimeout:
            ("connect-timeout", .unspecifiedError, nil, "no CONNECT within the time allowed")
        case .notMQTT:
            ("not-mqtt", .protocolError, nil, "the first packet is not an MQTT CONNECT")
        case .webSocketRefused:
            ("websocket-refused", .protocolError, nil, "the WebSocket handshake was refused")
        case .unsupportedProtocolVersion:
            (
                "unsupported-protocol-version", .unsupportedProtocolVersion,
                .unacceptableProtocolVersion, "only MQTT 3.1.1 and 5.0 are spoken here"
            )
        case .clientIdentifierNotValid:
            (
                "client-identifier-not-valid", .clientIdentifierNotValid, .identifierRejected,
                "the client identifier is not of the expected form"
            )
        case .badCredentials:
            (
                "bad-credentials", .badUserNameOrPassword, .badUserNameOrPassword,
                "unknown product, device or secret"
            )
        case .deviceDisabled:
            ("device-disabled", .notAuthorized, .notAuthorized, "the device is disabled")
        case .notAllowedOnListener:
            (
                "not-allowed-on-listener", .notAuthorized, .notAuthorized,
                "these credentials are not accepted on this listener"
            )
        case .noCodeLeft:
            ("no-code-left", .quotaExceeded, .notAuthorized, "no activation code left")
        case .activationExpired:
            (
                "activation-expired", .quotaExceeded, .notAuthorized,
                "the activation has expired and is not renewed"
            )
        case .ledgerUnavailable:
            (
                "ledger-unavailable", .serverUnavailable, .serverUnavailable,
                "the ledger can't answer"
            )
        case .serverBusy:
            ("server-busy", .serverBusy, .serverUnavailable, "the server is busy")
        default:
            (
                "connection-rate-exceeded", .connectionRateExceeded, .serverUnavailable,
                "the device's connections displace each other too often"
            )
        }
    }

    private var connectedRow: Row {
        switch self {
        case .malformedPacket: ("malformed-packet", .malformedPacket, nil, "malformed packet")
        case .protocolError: ("protocol-error", .protocolError, nil, "protocol error")
        case .webSocketViolation:
            (
                "websocket-violation", .protocolError, nil,
                "a frame breaks the rules of WebSocket"
            )
        case .packetTooLarge: ("packet-too-large", .packetTooLarge, nil, "packet too large")
        case .receiveMaximumExceeded:
            (
                "receive-maximum-exceeded", .receiveMaximumExceeded, nil,
                "more QoS 2 messages under way than the Receive Maximum"
            )
        case .topicAliasInvalid:
            (
                "topic-alias-invalid", .topicAliasInvalid, nil,
                "the topic alias is not within the Topic Alias Maximum"
            )
        case .sessionTakenOver:
            ("session-taken-over", .sessionTakenOver, nil, "the client connected elsewhere")
        case .keepAliveTimeout:
            ("keep-alive-timeout", .keepAliveTimeout, nil, "nothing came for too long")
        case .entitlementEnded:
            (
                "entitlement-ended", .administrativeAction, nil,
                "the activation has ended and is not renewed"
            )
        case .kicked: ("kicked", .administrativeAction, nil, "disconnected by an operator")
        case .shuttingDown:
            ("shutting-down", .serverShuttingDown, nil, "the server is shutting down")
        case .topicNotAllowed:
            // A CONNECT's will may be on such a topic.
            ("topic-not-allowed", .notAuthorized, .notAuthorized, "the topic is not allowed")
        case .topicNameInvalid:
            ("topic-name-invalid", .topicNameInvalid, nil, "the topic name is not valid")
        case .payloadFormatInvalid:
            ("payload-format-invalid", .payloadFormatInvalid, nil, "the payload is not UTF-8")
        case .retainedFull:
            ("retained-full", .quotaExceeded, nil, "no more messages can be retained")
        case .notStored:
            (
                "not-stored", .implementationSpecificError, .serverUnavailable,
                "the message could not be stored"
            )
        case .topicFilterInvalid:
            ("topic-filter-invalid", .topicFilterInvalid, nil, "the topic filter is not valid")
        case .quotaExceeded:
            ("quota-exceeded", .quotaExceeded, nil, "the day's message allowance is used up")
        case .badAuthenticationMethod:
            (
                "bad-authentication-method", .badAuthenticationMethod, nil,
                "enhanced authentication is not offered"
            )
        case .disconnected: ("disconnected", .normalDisconnection, nil, "the client said goodbye")
        default: ("connection-lost", .unspecifiedError, nil, "the connection was lost")
        }
    }
}
