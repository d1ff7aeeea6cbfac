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
        switch (type, sender) {
        case (.disconnect, .client): return !isDisconnectOfServerOnly
        case (.disconnect, .server): return self != .disconnectWithWillMessage
        case (.auth, .client): return self != .success
        case (.auth, .server): return self != .reauthenticate
        default: return true
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
        default: false
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
