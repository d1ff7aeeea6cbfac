/// One consumption of a code: an entry of the history (rule B10).
public struct Activation: Hashable, Sendable {
    public let identity: DeviceIdentity
    public let entitlement: Entitlement

    public init(identity: DeviceIdentity, entitlement: Entitlement) {
        self.identity = identity
        self.entitlement = entitlement
    }
}
