public import Time

/// What a consumed code gives a device: the right to be connected in `activatedAt..<expiresAt`. It
/// outlives the device's registration (rule B8).
public struct Entitlement: Hashable, Sendable {
    public let code: ActivationCode

    /// How many codes the device has consumed, this one included: 1 for the first (rule B10).
    public let period: UInt32
    public let activatedAt: Timestamp
    public let expiresAt: Timestamp
    public let cause: ActivationCause

    public init(
        code: ActivationCode,
        period: UInt32,
        activatedAt: Timestamp,
        expiresAt: Timestamp,
        cause: ActivationCause
    ) {
        self.code = code
        self.period = period
        self.activatedAt = activatedAt
        self.expiresAt = expiresAt
        self.cause = cause
    }

    /// Whether it has not ended at `time`. A clock that stepped back to before `activatedAt` doesn't
    /// lock the device out.
    public func runs(at time: Timestamp) -> Bool { time < expiresAt }
}

/// Why a code was consumed (rule B10).
public enum ActivationCause: UInt8, RecordField, Hashable, Sendable, CaseIterable {
    /// The device's first connection.
    case first = 1

    /// Automatic renewal, online at expiry or at the next connection.
    case renewal = 2

    /// By an operator (rule B7).
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
