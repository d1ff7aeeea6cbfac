/// How a top-up pack came to an account (rule C6).
public enum TopUpSource: UInt8, Hashable, Sendable, CaseIterable {
    case purchase = 1
    case gift = 2

    /// Its name in the API.
    public var name: String {
        switch self {
        case .purchase: "purchase"
        case .gift: "gift"
        }
    }
}
