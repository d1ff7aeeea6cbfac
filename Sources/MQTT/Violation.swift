/// Why bytes are not a packet: the rule they break, and where.
public struct DecodingError: Error, Equatable, Sendable, CustomStringConvertible {
    public let violation: Violation

    /// Where the field begins that breaks the rule: bytes from the start of what was decoded (a
    /// packet for `Framing`, a body for a packet's decoder).
    public let offset: Int

    @inlinable
    public init(_ violation: Violation, at offset: Int) {
        self.violation = violation
        self.offset = offset
    }

    /// The reason code the standard asks for, for a CONNACK or a DISCONNECT.
    public var reason: ReasonCode { violation.reason }

    /// The rule in words, its statement or clause first.
    public var what: String { violation.rawValue }

    public var description: String { "\(what) (at byte \(offset))" }
}

/// The rules a peer's bytes can break, each in words after its statement or clause: of MQTT 5.0,
/// or of 3.1.1 where that is said.
public enum Violation: String, Sendable, CaseIterable {
    // Framing and data representation.
    case reservedPacketType = "2.1.2: packet type 0 is forbidden"
    case packetTypeNotInVersion = "2.2.1 of 3.1.1: packet type 15 is forbidden"
    case invalidFlags = "[MQTT-2.1.3-1]: reserved flag bits of the fixed header"
    case publishQoSReserved = "[MQTT-3.3.1-4]: both QoS bits of a PUBLISH are set"
    case duplicateAtMostOnce = "[MQTT-3.3.1-2]: DUP is set on a QoS 0 message"
    case variableByteIntegerTooLong = "1.5.5: a variable byte integer of more than four bytes"
    case variableByteIntegerNotMinimal =
        "[MQTT-1.5.5-1]: a variable byte integer of more bytes than necessary"
    case packetTooLarge = "[MQTT-3.2.2-15]: the packet exceeds the maximum packet size"
    case truncated = "4.13: a field reaches past the end of its packet"
    case trailingBytes = "4.13: bytes follow the last field of the packet"
    case illFormedString = "[MQTT-1.5.4-1]: ill-formed UTF-8"
    case nullCharacter = "[MQTT-1.5.4-2]: a string contains U+0000"
    case packetIdentifierZero = "[MQTT-2.2.1-3]: a packet identifier of 0"

    // CONNECT.
    case unsupportedProtocolName = "[MQTT-3.1.2-1]: the protocol name is not MQTT"
    case unsupportedProtocolVersion = "[MQTT-3.1.2-2]: unsupported protocol version"
    case connectFlagReserved = "[MQTT-3.1.2-3]: the reserved connect flag is set"
    case willQoSWithoutWill = "[MQTT-3.1.2-11]: Will QoS without a will"
    case willQoSReserved = "[MQTT-3.1.2-12]: a Will QoS of 3"
    case willRetainWithoutWill = "[MQTT-3.1.2-13]: Will Retain without a will"
    case passwordWithoutUserName = "[MQTT-3.1.2-22] of 3.1.1: a password without a user name"
    case clientIdentifierMissing =
        "[MQTT-3.1.3-8] of 3.1.1: an empty client identifier for a session to be kept"

    // CONNACK and other answers.
    case connackFlagReserved = "[MQTT-3.2.2-1]: a reserved acknowledge flag is set"
    case sessionPresentOnFailure = "[MQTT-3.2.2-6]: Session Present in a refusal"
    case reasonCodeNotAllowed = "2.4: a reason code this packet, or its sender, can't have"
    case reasonCodesMissing = "[MQTT-3.8.4-6]: an acknowledgement without reason codes"

    // Properties.
    case unknownProperty = "2.2.2.2: an unknown property identifier"
    case propertyNotAllowed = "2.2.2.2: a property this packet can't have"
    case duplicateProperty = "2.2.2.2: a property is given twice"
    case booleanOutOfRange = "3.1.2.11: a property that is 0 or 1 has another value"
    case receiveMaximumZero = "3.1.2.11.3: a Receive Maximum of 0"
    case maximumPacketSizeZero = "3.1.2.11.4: a Maximum Packet Size of 0"
    case subscriptionIdentifierZero = "3.8.2.1.2: a Subscription Identifier of 0"
    case topicAliasZero = "[MQTT-3.3.2-8]: a Topic Alias of 0"
    case responseTopicInvalid = "[MQTT-3.3.2-14]: a Response Topic that is no topic name"
    case authenticationMethodMissing = "3.15.2.2.2: authentication without a method"
    case subscriptionIdentifierFromClient =
        "[MQTT-3.3.4-6]: a client's PUBLISH with a Subscription Identifier"
    case sessionExpiryFromServer = "[MQTT-3.14.2-2]: a server's DISCONNECT with a session expiry"

    // Topics and subscriptions.
    case topicNameMissing = "3.3.2.1: no topic name and no Topic Alias"
    case topicNameEmpty = "[MQTT-4.7.3-1]: an empty topic name"
    case topicNameWildcard = "[MQTT-3.3.2-2]: a wildcard in a topic name"
    case topicFilterEmpty = "[MQTT-4.7.3-1]: an empty topic filter"
    case multiLevelWildcardMisplaced = "[MQTT-4.7.1-1]: # is not alone in the last level"
    case singleLevelWildcardMisplaced = "[MQTT-4.7.1-2]: + is not alone in its level"
    case shareNameMissing = "[MQTT-4.8.2-1]: a share name of no characters"
    case shareNameInvalid = "[MQTT-4.8.2-2]: a share name with a wildcard, or without a filter"
    case subscriptionsMissing = "[MQTT-3.8.3-2]: a SUBSCRIBE without a topic filter"
    case subscriptionOptionsReserved = "[MQTT-3.8.3-5]: reserved subscription option bits are set"
    case subscriptionQoSReserved = "3.8.3.1: a maximum QoS of 3"
    case retainHandlingReserved = "3.8.3.1: a Retain Handling of 3"
    case noLocalOnSharedSubscription = "[MQTT-3.8.3-4]: No Local on a shared subscription"
    case unsubscriptionsMissing = "[MQTT-3.10.3-2]: an UNSUBSCRIBE without a topic filter"

    /// The reason code that ends the connection over it (4.13), in a CONNACK or a DISCONNECT.
    public var reason: ReasonCode {
        switch self {
        case .packetTooLarge: .packetTooLarge
        case .unsupportedProtocolName, .unsupportedProtocolVersion: .unsupportedProtocolVersion
        case .clientIdentifierMissing: .clientIdentifierNotValid
        case .topicAliasZero: .topicAliasInvalid
        case .packetIdentifierZero, .sessionPresentOnFailure, .reasonCodeNotAllowed,
            .reasonCodesMissing, .duplicateProperty, .booleanOutOfRange, .receiveMaximumZero,
            .maximumPacketSizeZero, .subscriptionIdentifierZero, .responseTopicInvalid,
            .authenticationMethodMissing, .subscriptionIdentifierFromClient,
            .sessionExpiryFromServer, .topicNameMissing, .subscriptionsMissing,
            .subscriptionQoSReserved, .retainHandlingReserved, .noLocalOnSharedSubscription,
            .unsubscriptionsMissing:
            .protocolError
        case .reservedPacketType, .packetTypeNotInVersion, .invalidFlags, .publishQoSReserved,
            .duplicateAtMostOnce, .variableByteIntegerTooLong, .variableByteIntegerNotMinimal,
            .truncated, .trailingBytes, .illFormedString, .nullCharacter, .connectFlagReserved,
            .willQoSWithoutWill, .willQoSReserved, .willRetainWithoutWill,
            .passwordWithoutUserName, .connackFlagReserved, .unknownProperty,
            .propertyNotAllowed, .subscriptionOptionsReserved, .topicNameEmpty, .topicNameWildcard,
            .topicFilterEmpty, .multiLevelWildcardMisplaced, .singleLevelWildcardMisplaced,
            .shareNameMissing, .shareNameInvalid:
            // 0x8F and 0x90 are for topics that are correctly formed, and not accepted (2.4).
            .malformedPacket
        }
    }
}
