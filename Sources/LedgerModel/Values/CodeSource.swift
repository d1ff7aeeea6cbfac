/// How a batch of codes came to an account.
public enum CodeSource: UInt8, Hashable, Sendable, CaseIterable {
    /// Bought with a package (rule A2).
    case purchase = 1

    /// Given for free by the policy (rule A7).
    case grant = 2

    /// Its name in the API.
    public var name: String {
        switch self {
        case .purchase: "purchase"
        case .grant: "grant"
        }
    }
}
