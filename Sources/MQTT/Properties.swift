/// Property identifiers of MQTT 5.0 (table 2-4).
public enum PropertyID: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    case payloadFormatIndicator = 0x01
    case messageExpiryInterval = 0x02
    case contentType = 0x03
    case responseTopic = 0x08
    case correlationData = 0x09
    case subscriptionIdentifier = 0x0B
    case sessionExpiryInterval = 0x11
    case assignedClientIdentifier = 0x12
    case serverKeepAlive = 0x13
    case authenticationMethod = 0x15
    case authenticationData = 0x16
    case requestProblemInformation = 0x17
    case willDelayInterval = 0x18
    case requestResponseInformation = 0x19
    case responseInformation = 0x1A
    case serverReference = 0x1C
    case reasonString = 0x1F
    case receiveMaximum = 0x21
    case topicAliasMaximum = 0x22
    case topicAlias = 0x23
    case maximumQoS = 0x24
    case retainAvailable = 0x25
    case userProperty = 0x26
    case maximumPacketSize = 0x27
    case wildcardSubscriptionAvailable = 0x28
    case subscriptionIdentifierAvailable = 0x29
    case sharedSubscriptionAvailable = 0x2A

    /// How its value is written (table 2-4).
    @inlinable
    public var representation: PropertyRepresentation {
        switch self {
        case .payloadFormatIndicator, .requestProblemInformation, .requestResponseInformation,
            .maximumQoS, .retainAvailable, .wildcardSubscriptionAvailable,
            .subscriptionIdentifierAvailable, .sharedSubscriptionAvailable:
            .boolean
        case .serverKeepAlive, .receiveMaximum, .topicAliasMaximum, .topicAlias: .twoByteInteger
        case .messageExpiryInterval, .sessionExpiryInterval, .willDelayInterval,
            .maximumPacketSize:
            .fourByteInteger
        case .subscriptionIdentifier: .variableByteInteger
        case .contentType, .responseTopic, .assignedClientIdentifier, .authenticationMethod,
            .responseInformation, .serverReference, .reasonString:
            .string
        case .correlationData, .authenticationData: .binary
        case .userProperty: .stringPair
        }
    }

    /// Whether it can stand there (table 2-4).
    @inlinable
    public func isAllowed(in place: PropertyPlace) -> Bool {
        places & 1 << UInt16(place.rawValue) != 0
    }

    /// Whether it can stand there more than once: user properties anywhere, and the subscription
    /// identifiers of a PUBLISH (3.3.2.3.8).
    @inlinable
    public func isRepeatable(in place: PropertyPlace) -> Bool {
        self == .userProperty || (self == .subscriptionIdentifier && place == .publish)
    }

    /// Table 2-4: one bit per place, at its number.
    @inlinable
    var places: UInt16 {
        let will: UInt16 = 1 << 0
        let connect: UInt16 = 1 << 1
        let connack: UInt16 = 1 << 2
        let publish: UInt16 = 1 << 3
        let acknowledgement: UInt16 = 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 9 | 1 << 11
        let subscribe: UInt16 = 1 << 8
        let unsubscribe: UInt16 = 1 << 10
        let disconnect: UInt16 = 1 << 14
        let auth: UInt16 = 1 << 15
        return switch self {
        case .payloadFormatIndicator, .messageExpiryInterval, .contentType, .responseTopic,
            .correlationData:
            publish | will
        case .subscriptionIdentifier: publish | subscribe
        case .sessionExpiryInterval: connect | connack | disconnect
        case .assignedClientIdentifier, .serverKeepAlive, .responseInformation, .maximumQoS,
            .retainAvailable, .wildcardSubscriptionAvailable, .subscriptionIdentifierAvailable,
            .sharedSubscriptionAvailable:
            connack
        case .authenticationMethod, .authenticationData: connect | connack | auth
        case .requestProblemInformation, .requestResponseInformation: connect
        case .willDelayInterval: will
        case .serverReference: connack | disconnect
        case .reasonString: connack | acknowledgement | disconnect | auth
        case .receiveMaximum, .topicAliasMaximum, .maximumPacketSize: connect | connack
        case .topicAlias: publish
        case .userProperty:
            will | connect | connack | publish | acknowledgement | subscribe | unsubscribe
                | disconnect | auth
        }
    }
}

/// Where properties stand: in a packet of some type (the raw value is that type's), or in a CONNECT
/// as those of the will.
public enum PropertyPlace: UInt8, Sendable, BitwiseCopyable, CaseIterable {
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

/// How a property's value is written (1.5).
public enum PropertyRepresentation: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    /// One byte; every property of one byte is 0 or 1.
    case boolean
    case twoByteInteger
    case fourByteInteger
    case variableByteInteger
    case string
    case binary
    case stringPair
}

/// A set of property identifiers; no identifier is above 63.
@frozen
public struct PropertySet: OptionSet, Sendable {
    public let rawValue: UInt64

    @inlinable
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    @inlinable
    public init(_ id: PropertyID) { rawValue = 1 << UInt64(id.rawValue) }

    @inlinable
    @inline(__always)
    public func contains(_ id: PropertyID) -> Bool { rawValue & PropertySet(id).rawValue != 0 }

    /// What belongs to one connection, subscription or will, and does not travel with a message.
    @inlinable
    public static var ofOneHop: PropertySet {
        [
            PropertySet(.topicAlias), PropertySet(.subscriptionIdentifier),
            PropertySet(.willDelayInterval),
        ]
    }

    /// Whether all of them can stand there.
    @inlinable
    func isAllowed(in place: PropertyPlace) -> Bool {
        var rest = rawValue
        while rest != 0 {
            let number = UInt8(truncatingIfNeeded: rest.trailingZeroBitCount)
            guard PropertyID(rawValue: number)?.isAllowed(in: place) == true else { return false }
            rest &= rest &- 1
        }
        return true
    }
}
