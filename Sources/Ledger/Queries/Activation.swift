/// One consumption of a code: an entry of the history (rule B10).
public struct Activation: Hashable, Sendable {
    public let identity: DeviceIdentity
    public let entitlement: Entitlement

    /// Where the device connected (rule B13); it was counted in the product's home.
    public let dataCentre: DataCentreID

    public init(identity: DeviceIdentity, entitlement: Entitlement, dataCentre: DataCentreID) {
        self.identity = identity
        self.entitlement = entitlement
        self.dataCentre = dataCentre
    }
}
