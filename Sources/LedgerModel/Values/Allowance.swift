/// What a code of a package lets its device do (Rules.md, "package").
public struct Allowance: Hashable, Sendable {
    /// How long an entitlement runs, in periods of 24 hours: 1 to 36,500.
    public let validityDays: UInt32

    /// Messages per device and day; `nil` when there is no limit (rule C9).
    public let messagesPerDay: UInt64?

    /// OTA upgrade attempts per device and month (rule D1).
    public let otaPerMonth: UInt32

    /// How many days stored messages are kept (rule D3).
    public let storageDays: UInt32

    /// `nil` when `validityDays` is out of its range.
    public init?(
        validityDays: UInt32,
        messagesPerDay: UInt64?,
        otaPerMonth: UInt32,
        storageDays: UInt32
    ) {
        guard (1...36_500).contains(validityDays) else { return nil }
        self.validityDays = validityDays
        self.messagesPerDay = messagesPerDay
        self.otaPerMonth = otaPerMonth
        self.storageDays = storageDays
    }

    /// The first allowance that is lower than `other`'s, by its name in the API; `nil` when none is
    /// (rule A5).
    public func lowered(from other: Allowance) -> String? {
        if validityDays < other.validityDays { return "validityDays" }
        if let messagesPerDay {
            guard let before = other.messagesPerDay else { return "messagesPerDay" }
            if messagesPerDay < before { return "messagesPerDay" }
        }
        if otaPerMonth < other.otaPerMonth { return "otaPerMonth" }
        if storageDays < other.storageDays { return "storageDays" }
        return nil
    }

    /// Each figure, or `other`'s where that is larger (rule A5).
    public func raised(to other: Allowance) -> Allowance {
        var messages: UInt64?
        if let messagesPerDay, let more = other.messagesPerDay {
            messages = max(messagesPerDay, more)
        }
        let raised = Allowance(
            validityDays: max(validityDays, other.validityDays),
            messagesPerDay: messages,
            otaPerMonth: max(otaPerMonth, other.otaPerMonth),
            storageDays: max(storageDays, other.storageDays))
        guard let raised else { preconditionFailure("both are in their ranges") }
        return raised
    }
}

/// How many free codes there are, and what for (rule A7).
public enum FreeCodePolicy: UInt8, RecordField, Hashable, Sendable, CaseIterable {
    /// For an account when it is created, 10 for an enterprise and 5 for an individual, and 5 more
    /// when an individual becomes an enterprise.
    case perAccount = 1

    /// For each product when it is created, 100 for an enterprise's and 20 for an individual's.
    case perProduct = 2

    /// Its name in the configuration.
    public var name: String {
        switch self {
        case .perAccount: "account-10-5"
        case .perProduct: "product-100-20"
        }
    }

    /// For a new account of that kind, unassigned.
    public func quantity(forAccount kind: AccountKind) -> UInt64 {
        switch (self, kind) {
        case (.perAccount, .enterprise): 10
        case (.perAccount, .individual): 5
        case (.perProduct, _): 0
        }
    }

    /// For an account that is certified as an enterprise, unassigned.
    public var quantityForCertification: UInt64 {
        switch self {
        case .perAccount: 5
        case .perProduct: 0
        }
    }

    /// For a new product of an account of that kind, in its pool.
    public func quantity(forProductOf kind: AccountKind) -> UInt64 {
        switch (self, kind) {
        case (.perAccount, _): 0
        case (.perProduct, .enterprise): 100
        case (.perProduct, .individual): 20
        }
    }
}

/// On what terms free codes are given (rule A7). They are configuration, so commands carry them: the
/// books decide from the command alone.
public struct FreeCodeTerms: Hashable, Sendable {
    public let policy: FreeCodePolicy

    /// What the codes are of.
    public let package: PackageID

    /// What the package allows if the first free codes make it. One that exists stays as it is.
    public let allowance: Allowance

    public init(policy: FreeCodePolicy, package: PackageID, allowance: Allowance) {
        self.policy = policy
        self.package = package
        self.allowance = allowance
    }
}
