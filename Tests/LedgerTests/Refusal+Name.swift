import LedgerModel

extension Refusal {
    /// Short, for what the tests expect. The public names are `Reason`'s.
    var name: String {
        switch self {
        case .accounts(.unknown): "unknown-account"
        case .packages(.unknown): "unknown-package"
        case .products(.unknown): "unknown-product"
        case .devices(.unknown): "unknown-device"
        case .keys(.unknown): "unknown-key"
        case .commands(.alreadyExists): "already-exists"
        case .accounts(.parentIsSubAccount): "parent-is-sub-account"
        case .accounts(.tooManySubAccounts): "too-many-sub-accounts"
        case .accounts(.enterpriseAlready): "enterprise-already"
        case .accounts(.certifiedWithParent): "certified-with-parent"
        case .accounts(.tooManyContacts): "too-many-contacts"
        case .accounts(.unknownContact): "unknown-contact"
        case .products(.ofAnotherAccount): "product-of-another-account"
        case .commands(.nameTooLong): "name-too-long"
        case .packages(.mismatch): "package-mismatch"
        case .products(.hasNoPackage): "product-has-no-package"
        case .packages(.allowanceLowered): "allowance-lowered"
        case .commands(.quantityOutOfRange): "quantity-out-of-range"
        case .codes(.notEnoughUnassigned): "not-enough-unassigned"
        case .codes(.noneLeft): "no-code-left"
        case .devices(.renewalOff): "renewal-off"
        case .devices(.disabled): "device-disabled"
        case .devices(.entitlementRuns): "entitlement-runs"
        case .products(.renewalOff): "product-renewal-off"
        case .devices(.registrationNotAllowed): "registration-not-allowed"
        case .devices(.secretInUse): "secret-in-use"
        case .imports(.row): "import-row"
        case .imports(.tooLarge): "import-too-large"
        case .imports(.line): "import-line"
        case .imports(.unknown): "unknown-import"
        case .imports(.notReceiving): "import-not-receiving"
        case .imports(.outOfStep): "import-out-of-step"
        case .imports(.tooManyUnderWay): "imports-under-way"
        case .topUps(.noneLeft): "no-top-up-left"
        case .topUps(.expiryPassed): "expiry-passed"
        case .topUps(.unknownLease): "unknown-lease"
        case .topUps(.leaseExceeded): "lease-exceeded"
        case .devices(.notActive): "device-not-active"
        case .upgrades(.exhausted): "ota-exhausted"
        case .upgrades(.unknown): "unknown-upgrade"
        case .upgrades(.reported): "upgrade-reported"
        case .clock(.behind): "clock-behind"
        case .clock(.ahead): "clock-ahead"
        case .limits: "limit-reached"
        case .corrections(let refusal):
            switch refusal {
            case .unknownPurchase: "unknown-purchase"
            case .unknownAssignment: "unknown-assignment"
            case .nothingToVoid: "nothing-to-void"
            case .nothingConsumed: "nothing-consumed"
            case .nothingRuns: "nothing-runs"
            case .unknownTopUp: "unknown-top-up"
            }
        case .commands(.idempotencyKeyReused): "idempotency-key-reused"
        case .commands(.idempotencyKeyInvalid): "idempotency-key-invalid"
        }
    }
}
