/// What an account is (domain.md, "account").
public enum AccountKind: UInt8, Hashable, Sendable, CaseIterable {
    case enterprise = 1
    case individual = 2

    /// Its name in the API.
    public var name: String {
        switch self {
        case .enterprise: "enterprise"
        case .individual: "individual"
        }
    }
}
