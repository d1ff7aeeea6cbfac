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
