public import Time

/// What the decision about a device depends on: the small, fixed part of its record.
public struct Standing: Hashable, Sendable {
    /// False for a device that was deleted: its entitlement is kept (rule B8).
    public let isRegistered: Bool
    public let isDisabled: Bool

    /// On the product's list of exceptions from automatic renewal (rule B6).
    public let isExceptedFromRenewal: Bool

    /// The books count the entitlement as running: it was neither ended nor swept.
    public let isOpen: Bool

    /// How many codes the device has consumed: 0 when it was never active.
    public let codesConsumed: UInt32

    /// The end of the latest entitlement; meaningless when `codesConsumed` is 0.
    public let expiresAt: Timestamp

    public init(
        isRegistered: Bool,
        isDisabled: Bool,
        isExceptedFromRenewal: Bool,
        isOpen: Bool,
        codesConsumed: UInt32,
        expiresAt: Timestamp
    ) {
        self.isRegistered = isRegistered
        self.isDisabled = isDisabled
        self.isExceptedFromRenewal = isExceptedFromRenewal
        self.isOpen = isOpen
        self.codesConsumed = codesConsumed
        self.expiresAt = expiresAt
    }

    /// Whether a consumed code still gives the device the right to be connected.
    public func isEntitled(at time: Timestamp) -> Bool { codesConsumed > 0 && time < expiresAt }
}
