public import Bytes

/// CONNACK (3.2): whether a CONNECT was accepted.
@frozen
public struct Connack: ~Escapable, BitwiseCopyable {
    public let isSessionPresent: Bool

    /// Of a 3.1.1 CONNACK: the reason that means the same as its return code.
    public let reason: ReasonCode

    /// Empty in MQTT 3.1.1.
    public let properties: PropertyView

    @inlinable
    @_lifetime(copy body)
    public init(decoding body: Span<UInt8>, version: ProtocolVersion) throws(DecodingError) {
        var reader = ByteReader(body)
        let flags = try reader.requireUInt8()
        if flags > 1 { throw DecodingError(.connackFlagReserved, at: 0) }
        isSessionPresent = flags == 1
        switch version {
        case .v3_1_1:
            guard let code = ConnectReturnCode(rawValue: try reader.requireUInt8()) else {
                throw DecodingError(.reasonCodeNotAllowed, at: 1)
            }
            reason = code.reason
            properties = PropertyView()
        case .v5:
            reason = try reader.requireReasonCode(in: .connack)
            properties = try PropertyView(reading: &reader, in: .connack)
        }
        if isSessionPresent && reason != .success {
            throw DecodingError(.sessionPresentOnFailure, at: 0)
        }
        try reader.requireEnd()
    }

    /// Appends the packet; in 3.1.1 with the return code nearest to `reason`.
    @inlinable
    public static func encode(
        isSessionPresent: Bool = false,
        reason: ReasonCode = .success,
        version: ProtocolVersion,
        into buffer: inout ByteBuffer,
        properties: (inout PropertyWriter) -> Void = { _ in }
    ) {
        precondition(!isSessionPresent || reason == .success, "a refusal has no session")
        precondition(reason.isAllowed(in: .connack), "no reason code of a CONNACK")
        let packet = buffer.beginPacket(PacketType.connack.firstByte, expecting: 0)
        buffer.append(isSessionPresent ? 1 : 0 as UInt8)
        switch version {
        case .v3_1_1: buffer.append(ConnectReturnCode(reason).rawValue)
        case .v5:
            buffer.append(reason.rawValue)
            PropertyWriter.write(into: &buffer, in: .connack, properties)
        }
        buffer.endLength(packet)
    }
}

/// Return codes of an MQTT 3.1.1 CONNACK (its table 3.1).
public enum ConnectReturnCode: UInt8, Sendable, BitwiseCopyable, CaseIterable {
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
        case .success, .grantedQoS1, .grantedQoS2, .disconnectWithWillMessage,
            .noMatchingSubscribers, .noSubscriptionExisted, .continueAuthentication,
            .reauthenticate:
            self = .accepted
        case .malformedPacket, .protocolError, .notAuthorized, .banned, .keepAliveTimeout,
            .sessionTakenOver, .topicFilterInvalid, .topicNameInvalid, .packetIdentifierInUse,
            .packetIdentifierNotFound, .receiveMaximumExceeded, .topicAliasInvalid,
            .packetTooLarge, .messageRateTooHigh, .quotaExceeded, .administrativeAction,
            .payloadFormatInvalid, .retainNotSupported, .qosNotSupported,
            .sharedSubscriptionsNotSupported, .maximumConnectTime,
            .subscriptionIdentifiersNotSupported, .wildcardSubscriptionsNotSupported:
            self = .notAuthorized
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
