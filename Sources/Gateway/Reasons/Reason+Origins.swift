public import Ledger
import MQTT

// What other modules' refusals are called: one exhaustive switch for each.

extension Reason {
    public init(_ refusal: Refusal) {
        self =
            switch refusal {
            case .unknownAccount: .unknownAccount
            case .unknownPackage: .unknownPackage
            case .unknownProduct: .unknownProduct
            case .unknownDevice: .unknownDevice
            case .unknownKey: .unknownKey
            case .alreadyExists: .alreadyExists
            case .parentIsSubAccount: .parentIsSubAccount
            case .tooManySubAccounts: .tooManySubAccounts
            case .enterpriseAlready: .enterpriseAlready
            case .certifiedWithParent: .certifiedWithParent
            case .tooManyContacts: .tooManyContacts
            case .unknownContact: .unknownContact
            case .productOfAnotherAccount: .productOfAnotherAccount
            case .nameTooLong: .nameTooLong
            case .packageMismatch: .packageMismatch
            case .productHasNoPackage: .productHasNoPackage
            case .allowanceLowered: .allowanceLowered
            case .quantityOutOfRange: .quantityOutOfRange
            case .notEnoughUnassigned: .notEnoughUnassigned
            case .noCodeLeft: .noCodeLeft
            case .renewalOff: .activationExpired
            case .deviceDisabled: .deviceDisabled
            case .entitlementRuns: .entitlementRuns
            case .productRenewalOff: .productRenewalOff
            case .registrationNotAllowed: .registrationNotAllowed
            case .secretInUse: .secretInUse
            case .importRow: .importRow
            case .importTooLarge: .importTooLarge
            case .importLine: .importLine
            case .unknownImport: .unknownImport
            case .importNotReceiving: .importNotReceiving
            case .importOutOfStep: .importOutOfStep
            case .importsUnderWay: .importsUnderWay
            case .noTopUpLeft: .noTopUpLeft
            case .expiryPassed: .expiryPassed
            case .unknownLease: .unknownLease
            case .leaseExceeded: .leaseExceeded
            case .deviceNotActive: .deviceNotActive
            case .otaExhausted: .otaExhausted
            case .unknownUpgrade: .unknownUpgrade
            case .upgradeReported: .upgradeReported
            case .idempotencyKeyReused: .idempotencyKeyReused
            case .idempotencyKeyInvalid: .idempotencyKeyInvalid
            }
    }

    public init(_ problem: BackupProblem) {
        self =
            switch problem {
            case .directory: .backupDirectory
            case .running: .backupRunning
            case .noSpace: .backupNoSpace
            case .keyReused: .idempotencyKeyReused
            case .stopping, .failed: .ledgerUnavailable
            }
    }

    /// The reason for a packet that could not be decoded; decoders give no codes but the first eight.
    init(_ code: ReasonCode) {
        self =
            switch code {
            case .malformedPacket: .malformedPacket
            case .packetTooLarge: .packetTooLarge
            case .topicAliasInvalid: .topicAliasInvalid
            case .topicNameInvalid: .topicNameInvalid
            case .topicFilterInvalid: .topicFilterInvalid
            case .unsupportedProtocolVersion: .unsupportedProtocolVersion
            case .clientIdentifierNotValid: .clientIdentifierNotValid
            case .protocolError, .success, .grantedQoS1, .grantedQoS2, .disconnectWithWillMessage,
                .noMatchingSubscribers, .noSubscriptionExisted, .continueAuthentication,
                .reauthenticate, .unspecifiedError, .implementationSpecificError,
                .badUserNameOrPassword, .notAuthorized, .serverUnavailable, .serverBusy, .banned,
                .serverShuttingDown, .badAuthenticationMethod, .keepAliveTimeout,
                .sessionTakenOver, .packetIdentifierInUse, .packetIdentifierNotFound,
                .receiveMaximumExceeded, .messageRateTooHigh, .quotaExceeded,
                .administrativeAction, .payloadFormatInvalid, .retainNotSupported,
                .qosNotSupported, .useAnotherServer, .serverMoved,
                .sharedSubscriptionsNotSupported, .connectionRateExceeded, .maximumConnectTime,
                .subscriptionIdentifiersNotSupported, .wildcardSubscriptionsNotSupported:
                .protocolError
            }
    }
}

extension DownlinkOutcome {
    /// Why the message did not arrive; `nil` when it did, or waits its turn.
    public var refusal: Reason? {
        switch self {
        case .delivered, .queued: nil
        case .notConnected: .notConnected
        case .noSubscription: .noSubscription
        case .quotaExceeded: .quotaExceeded
        case .tooLarge: .packetTooLarge
        case .queueFull: .queueFull
        case .expired: .messageExpired
        case .notStored: .notStored
        }
    }
}
