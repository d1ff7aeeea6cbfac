/// What the holder of a key may do (interfaces.md, "HTTP").
public enum KeyRole: UInt8, Hashable, Sendable, CaseIterable {
    case owner = 1
    case `operator` = 2
    case subAccount = 3
    case application = 4

    /// Its name in the API.
    public var name: String {
        switch self {
        case .owner: "owner"
        case .operator: "operator"
        case .subAccount: "sub-account"
        case .application: "application"
        }
    }
}
