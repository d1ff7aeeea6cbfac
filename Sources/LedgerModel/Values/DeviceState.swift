/// What a device is, as the API shows it.
public enum DeviceState: UInt8, Hashable, Sendable, CaseIterable {
    /// It has no running entitlement.
    case inactive = 1

    /// Its entitlement runs.
    case active = 2

    /// Switched off by an operator (rule B12), whatever its entitlement.
    case disabled = 3

    /// Its name in the API.
    public var name: String {
        switch self {
        case .inactive: "inactive"
        case .active: "active"
        case .disabled: "disabled"
        }
    }
}
