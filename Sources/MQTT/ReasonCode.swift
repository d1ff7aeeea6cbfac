/// Reason codes of MQTT 5.0 (table 2-6); 0x80 and above are failures.
///
/// 0x00 has one name per packet in the standard: `success`, `normalDisconnection`, `grantedQoS0`.
public enum ReasonCode: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    case success = 0x00
    case grantedQoS1 = 0x01
    case grantedQoS2 = 0x02
    case disconnectWithWillMessage = 0x04
    case noMatchingSubscribers = 0x10
    case noSubscriptionExisted = 0x11
    case continueAuthentication = 0x18
    case reauthenticate = 0x19
    case unspecifiedError = 0x80
    case malformedPacket = 0x81
    case protocolError = 0x82
    case implementationSpecificError = 0x83
    case unsupportedProtocolVersion = 0x84
    case clientIdentifierNotValid = 0x85
    case badUserNameOrPassword = 0x86
    case notAuthorized = 0x87
    case serverUnavailable = 0x88
    case serverBusy = 0x89
    case banned = 0x8A
    case serverShuttingDown = 0x8B
    case badAuthenticationMethod = 0x8C
    case keepAliveTimeout = 0x8D
    case sessionTakenOver = 0x8E
    case topicFilterInvalid = 0x8F
    case topicNameInvalid = 0x90
    case packetIdentifierInUse = 0x91
    case packetIdentifierNotFound = 0x92
    case receiveMaximumExceeded = 0x93
    case topicAliasInvalid = 0x94
    case packetTooLarge = 0x95
    case messageRateTooHigh = 0x96
    case quotaExceeded = 0x97
    case administrativeAction = 0x98
    case payloadFormatInvalid = 0x99
    case retainNotSupported = 0x9A
    case qosNotSupported = 0x9B
    case useAnotherServer = 0x9C
    case serverMoved = 0x9D
    case sharedSubscriptionsNotSupported = 0x9E
    case connectionRateExceeded = 0x9F
    case maximumConnectTime = 0xA0
    case subscriptionIdentifiersNotSupported = 0xA1
    case wildcardSubscriptionsNotSupported = 0xA2

    /// 0x00 in a DISCONNECT.
    @inlinable
    public static var normalDisconnection: ReasonCode { .success }

    /// 0x00 in a SUBACK.
    @inlinable
    public static var grantedQoS0: ReasonCode { .success }

    /// What a SUBACK says when a subscription was granted that QoS.
    @inlinable
    public static func granted(_ qos: QoS) -> ReasonCode {
        switch qos {
        case .atMostOnce: .success
        case .atLeastOnce: .grantedQoS1
        case .exactlyOnce: .grantedQoS2
        }
    }

    /// Whether the operation failed: 0x80 and above (2.4).
    @inlinable
    public var isFailure: Bool { rawValue >= 0x80 }
}

extension ReasonCode {
    /// Whether a packet of that type can carry this code (table 2-6).
    @inlinable
    public func isAllowed(in type: PacketType) -> Bool {
        packets & 1 << UInt16(type.rawValue) != 0
    }

    /// Whether `sender` can put this code into a packet of that type (tables 3-10 and 3-11, and
    /// 2-6).
    @inlinable
    public func isAllowed(in type: PacketType, from sender: Sender) -> Bool {
        guard isAllowed(in: type) else { return false }
        switch type {
        case .disconnect:
            return sender == .client
                ? !isDisconnectOfServerOnly : self != .disconnectWithWillMessage
        case .auth: return sender == .client ? self != .success : self != .reauthenticate
        case .connect, .connack, .publish, .puback, .pubrec, .pubrel, .pubcomp, .subscribe, .suback,
            .unsubscribe, .unsuback, .pingreq, .pingresp:
            return true
        }
    }

    /// Codes of table 3-10 that only a server sends.
    @inlinable
    var isDisconnectOfServerOnly: Bool {
        switch self {
        case .notAuthorized, .serverBusy, .serverShuttingDown, .badAuthenticationMethod,
            .keepAliveTimeout, .sessionTakenOver, .topicFilterInvalid, .retainNotSupported,
            .qosNotSupported, .useAnotherServer, .serverMoved, .sharedSubscriptionsNotSupported,
            .connectionRateExceeded, .maximumConnectTime, .subscriptionIdentifiersNotSupported,
            .wildcardSubscriptionsNotSupported:
            true
        case .success, .grantedQoS1, .grantedQoS2, .disconnectWithWillMessage,
            .noMatchingSubscribers, .noSubscriptionExisted, .continueAuthentication,
            .reauthenticate, .unspecifiedError, .malformedPacket, .protocolError,
            .implementationSpecificError, .unsupportedProtocolVersion, .clientIdentifierNotValid,
            .badUserNameOrPassword, .serverUnavailable, .banned, .topicNameInvalid,
            .packetIdentifierInUse, .packetIdentifierNotFound, .receiveMaximumExceeded,
            .topicAliasInvalid, .packetTooLarge, .messageRateTooHigh, .quotaExceeded,
            .administrativeAction, .payloadFormatInvalid:
            false
        }
    }

    /// Table 2-6: one bit per packet type, at its number.
    @inlinable
    var packets: UInt16 {
        let connack: UInt16 = 1 << 2
        let publication: UInt16 = 1 << 4 | 1 << 5
        let release: UInt16 = 1 << 6 | 1 << 7
        let suback: UInt16 = 1 << 9
        let unsuback: UInt16 = 1 << 11
        let disconnect: UInt16 = 1 << 14
        let auth: UInt16 = 1 << 15
        let everyAnswer = connack | publication | suback | unsuback | disconnect
        return switch self {
        case .success: everyAnswer | release | auth
        case .grantedQoS1, .grantedQoS2: suback
        case .disconnectWithWillMessage: disconnect
        case .noMatchingSubscribers: publication
        case .noSubscriptionExisted: unsuback
        case .continueAuthentication, .reauthenticate: auth
        case .unspecifiedError, .implementationSpecificError, .notAuthorized: everyAnswer
        case .malformedPacket, .protocolError, .serverBusy, .badAuthenticationMethod,
            .packetTooLarge, .retainNotSupported, .qosNotSupported, .useAnotherServer,
            .serverMoved, .connectionRateExceeded:
            connack | disconnect
        case .unsupportedProtocolVersion, .clientIdentifierNotValid, .badUserNameOrPassword,
            .serverUnavailable, .banned:
            connack
        case .serverShuttingDown, .keepAliveTimeout, .sessionTakenOver, .receiveMaximumExceeded,
            .topicAliasInvalid, .messageRateTooHigh, .administrativeAction, .maximumConnectTime:
            disconnect
        case .topicFilterInvalid: suback | unsuback | disconnect
        case .topicNameInvalid, .payloadFormatInvalid: connack | publication | disconnect
        case .packetIdentifierInUse: publication | suback | unsuback
        case .packetIdentifierNotFound: release
        case .quotaExceeded: connack | publication | suback | disconnect
        case .sharedSubscriptionsNotSupported, .subscriptionIdentifiersNotSupported,
            .wildcardSubscriptionsNotSupported:
            suback | disconnect
        }
    }
}
