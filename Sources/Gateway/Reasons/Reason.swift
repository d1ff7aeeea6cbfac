public import MQTT
import WebSocket

/// Why a connection, a packet or a request was refused, or how a connection ended: the one list for
/// the wire, the log, the metrics and the API, under one name each.
///
/// A new reason is a case and a row of the table; without the row it does not compile.
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
    case authorityNotActive
    case authorityOfAnotherAccount
    case certificateExpired
    case certificateRevoked
    case certificateNamesNoDevice
    case certificateNotPinned
    case tokenUntimely
    case preSharedKeyNotAccepted
    case badAuthenticationMethod
    case deviceDisabled
    case notAllowedOnListener
    case noCodeLeft
    case activationExpired
    case ledgerUnavailable
    case clockDoubted
    case limitReached
    case childOfAnotherAccount
    case tooManyChildren
    case serverBusy
    case noDescriptorLeft
    case addressBusy
    case addressRateExceeded
    case proxyNotTrusted
    case proxyHeaderInvalid
    case tooManyFailures
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
    case topicFilterInvalid
    case payloadFormatInvalid
    case retainedFull
    case notStored
    case notUplinked
    case quotaExceeded
    case messageRateExceeded
    case messageRateTooHigh
    case childRequestMalformed
    case stateInvalid
    case stateTooLarge
    case stateVersionMismatch
    case stateRateExceeded

    // How a connection ends by itself.
    case disconnected
    case connectionLost
    case parentGone

    // What becomes of a message to a device.
    case notConnected
    case noSubscription
    case queueFull
    case messageExpired

    // What the API answers.
    case unauthorized
    case forbidden
    case notFound
    case methodNotAllowed
    case requestTooLarge
    case unsupportedMediaType
    case notAcceptable
    case malformedRequest
    case invalidRequest
    case invalidCSV
    case unknownCursor
    case tooManyRequests
    case tooManyWrongTokens
    case tooMuchAtOnce
    case tooManyStreams
    case internalError

    // Backups.
    case unknownBackup
    case backupDirectory
    case backupRunning
    case backupNoSpace

    // What contradicts the books.
    case unknownAccount
    case unknownPackage
    case unknownProduct
    case unknownDevice
    case unknownKey
    case unknownPurchase
    case unknownAssignment
    case unknownTopUp
    case nothingToVoid
    case nothingConsumed
    case nothingRuns
    case unknownContact
    case unknownImport
    case unknownLease
    case unknownUpgrade
    case alreadyExists
    case nameTooLong
    case parentIsSubAccount
    case tooManySubAccounts
    case enterpriseAlready
    case certifiedWithParent
    case tooManyContacts
    case productOfAnotherAccount
    case packageMismatch
    case productHasNoPackage
    case allowanceLowered
    case quantityOutOfRange
    case notEnoughUnassigned
    case entitlementRuns
    case productRenewalOff
    case registrationNotAllowed
    case secretInUse
    case importRow
    case importLine
    case importTooLarge
    case importNotReceiving
    case importOutOfStep
    case importsUnderWay
    case noTopUpLeft
    case expiryPassed
    case leaseExceeded
    case deviceNotActive
    case otaExhausted
    case upgradeReported
    case uplinkNotConfigured
    case topicsUnusable
    case notClustered
    case unknownNode
    case nodeUnreachable
    case nodeRemoved
    case ownNode
    case partitionsChanged
    case followingChanged
    case ownFollower
    case unknownWebhook
    case unknownDelivery
    case tooManyWebhooks
    case unknownAuthority
    case authorityNotUsable
    case tooManyAuthorities
    case authorityRulesNotUsable
    case revocationListNotUsable
    case revocationListOlder
    case unknownAlertRule
    case unknownNotification
    case notificationNotGivenUp
    case mailNotConfigured
    case idempotencyKeyReused
    case idempotencyKeyInvalid
    case tooMuchMetadata
    case upgradeReportMalformed
    case unknownFirmware
    case tooManyFirmware
    case firmwareInUse
    case firmwareUnderWay
    case firmwareNotOffered
    case firmwareNoSpace
    case firmwareLinkEnded
    case firmwareNotHere
    case rangeNotSatisfiable
    case unknownCampaign
    case campaignEnded
    case tooManyCampaigns

    /// Stable, in kebab case: the label of metrics, `reason` in the log and in problem documents.
    public var name: String { row.name }

    /// One clause for people; the Reason String of MQTT 5.
    public var text: String { row.text }

    /// The MQTT 5 reason code of CONNACK, DISCONNECT, PUBACK or SUBACK.
    public var reasonCode: ReasonCode { row.code }

    /// The MQTT 3.1.1 CONNACK return code, or `nil` where that version just closes.
    public var returnCode: ConnectReturnCode? { row.returnCode }

    /// The HTTP status of a problem document with this reason.
    public var status: Int { row.status }

    /// What the operator or the maker of the device can do, one sentence.
    public var remedy: String { row.remedy }

    /// What a WebSocket is closed with (RFC 6455, 7.4.1); the details are said in MQTT before.
    var closeCode: CloseCode { row.closeCode }

    /// What a client is told. What only the API may tell (that there is no such device, say) looks
    /// like a wrong secret.
    var toldToClient: Reason { row.isOnWire ? self : .badCredentials }

    /// Whether the server ends the connection, rather than the client or the network.
    var isServers: Bool {
        self != .disconnected && self != .connectionLost && self != .parentGone && row.isOnWire
            && reasonCode.isFailure && reasonCode.isAllowed(in: .disconnect)
    }
}
