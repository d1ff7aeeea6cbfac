public import Ledger
import MQTT

// What other modules' refusals are called: one exhaustive switch for each.

extension Reason {
    public init(_ refusal: Refusal) {
        self =
            switch refusal {
            case .accounts(.unknown): .unknownAccount
            case .packages(.unknown): .unknownPackage
            case .products(.unknown): .unknownProduct
            case .devices(.unknown): .unknownDevice
            case .keys(.unknown): .unknownKey
            case .commands(.alreadyExists): .alreadyExists
            case .accounts(.parentIsSubAccount): .parentIsSubAccount
            case .accounts(.tooManySubAccounts): .tooManySubAccounts
            case .accounts(.enterpriseAlready): .enterpriseAlready
            case .accounts(.certifiedWithParent): .certifiedWithParent
            case .accounts(.tooManyContacts): .tooManyContacts
            case .accounts(.unknownContact): .unknownContact
            case .metadata(.tooMuch): .tooMuchMetadata
            case .products(.ofAnotherAccount): .productOfAnotherAccount
            case .commands(.nameTooLong): .nameTooLong
            case .packages(.mismatch): .packageMismatch
            case .products(.hasNoPackage): .productHasNoPackage
            case .packages(.allowanceLowered): .allowanceLowered
            case .commands(.quantityOutOfRange): .quantityOutOfRange
            case .codes(.notEnoughUnassigned): .notEnoughUnassigned
            case .codes(.noneLeft): .noCodeLeft
            case .devices(.renewalOff): .activationExpired
            case .devices(.disabled): .deviceDisabled
            case .devices(.entitlementRuns): .entitlementRuns
            case .products(.renewalOff): .productRenewalOff
            case .products(.unknownTokenKey): .unknownKey
            case .products(.tooManyTokenKeys): .limitReached
            case .devices(.registrationNotAllowed): .registrationNotAllowed
            case .devices(.secretInUse): .secretInUse
            case .imports(.row): .importRow
            case .imports(.tooLarge): .importTooLarge
            case .imports(.line): .importLine
            case .imports(.unknown): .unknownImport
            case .imports(.notReceiving): .importNotReceiving
            case .imports(.outOfStep): .importOutOfStep
            case .imports(.tooManyUnderWay): .importsUnderWay
            case .topUps(.noneLeft): .noTopUpLeft
            case .topUps(.expiryPassed): .expiryPassed
            case .topUps(.unknownLease): .unknownLease
            case .topUps(.leaseExceeded): .leaseExceeded
            case .devices(.notActive): .deviceNotActive
            case .devices(.notPinned): .certificateNotPinned
            case .devices(.desiredVersion): .stateVersionMismatch
            case .devices(.desiredTooLarge): .stateTooLarge
            case .devices(.desiredTooOften): .stateRateExceeded
            case .upgrades(.exhausted): .otaExhausted
            case .upgrades(.unknown): .unknownUpgrade
            case .upgrades(.reported): .upgradeReported
            case .clock(.behind), .clock(.ahead): .clockDoubted
            case .limits(.reached): .limitReached
            case .cluster(.alone): .notClustered
            case .cluster(.unknownNode): .unknownNode
            case .cluster(.removedNode): .nodeRemoved
            case .cluster(.ownNode): .ownNode
            case .cluster(.partitionsChanged): .partitionsChanged
            case .cluster(.followingChanged): .followingChanged
            case .cluster(.ownFollower): .ownFollower
            case .authorities(.unknown): .unknownAuthority
            case .authorities(.tooMany): .tooManyAuthorities
            case .authorities(.listOlder): .revocationListOlder
            case .authorities(.tooManyRevoked), .authorities(.tooManyRevokedOfAccount):
                .revocationListNotUsable
            case .webhooks(.unknown): .unknownWebhook
            case .webhooks(.tooMany): .tooManyWebhooks
            case .alerts(.unknownNotification): .unknownNotification
            case .alerts(.notGivenUp): .notificationNotGivenUp
            case .firmware(.unknown): .unknownFirmware
            case .firmware(.tooMany): .tooManyFirmware
            case .firmware(.inUse): .firmwareInUse
            case .firmware(.underWay): .firmwareUnderWay
            case .campaigns(.unknown): .unknownCampaign
            case .campaigns(.ended): .campaignEnded
            case .campaigns(.tooMany): .tooManyCampaigns
            case .corrections(let refusal): Reason(refusal)
            case .commands(.idempotencyKeyReused): .idempotencyKeyReused
            case .commands(.idempotencyKeyInvalid): .idempotencyKeyInvalid
            }
    }

    private init(_ refusal: CorrectionRefusal) {
        self =
            switch refusal {
            case .unknownPurchase: .unknownPurchase
            case .unknownAssignment: .unknownAssignment
            case .unknownTopUp: .unknownTopUp
            case .nothingToVoid: .nothingToVoid
            case .nothingConsumed: .nothingConsumed
            case .nothingRuns: .nothingRuns
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
