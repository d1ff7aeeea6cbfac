/// Why a code was consumed (rule B10).
public enum ActivationCause: UInt8, Hashable, Sendable, CaseIterable {
    /// The device's first connection.
    case first = 1

    /// Automatic renewal, online at expiry or at the next connection.
    case renewal = 2

    /// An operator's hand (rule B7).
    case manual = 3

    /// Its name in the API.
    public var name: String {
        switch self {
        case .first: "first"
        case .renewal: "renewal"
        case .manual: "manual"
        }
    }
}
