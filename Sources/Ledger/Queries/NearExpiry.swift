/// A device whose entitlement ends soon (rule B11).
public struct NearExpiry: Hashable, Sendable {
    public let identity: DeviceIdentity
    public let productName: String
    public let account: AccountID
    public let entitlement: Entitlement

    /// Whether it will be renewed automatically, if a code is left then.
    public let autoRenewal: Bool
}
