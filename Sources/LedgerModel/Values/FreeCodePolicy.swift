/// How many free codes there are, and what for (rule A7).
public enum FreeCodePolicy: UInt8, Hashable, Sendable, CaseIterable {
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
