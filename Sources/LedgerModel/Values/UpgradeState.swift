/// What is known of an OTA upgrade (rule D2).
public enum UpgradeState: UInt8, Hashable, Sendable, CaseIterable {
    /// Admitted and paid for; its outcome was not reported.
    case requested = 1
    case succeeded = 2

    /// Its attempts were given back.
    case failed = 3

    /// Its name in the API.
    public var name: String {
        switch self {
        case .requested: "requested"
        case .succeeded: "succeeded"
        case .failed: "failed"
        }
    }
}
