/// One row of an import: a device that shall be known before it connects.
public struct DeviceImport: Hashable, Sendable {
    public let device: DeviceKey

    /// `nil`: the device has none, and comes with a certificate or registers itself.
    public let secret: SealedSecret?
    public let name: String

    public init(device: DeviceKey, secret: SealedSecret?, name: String = "") {
        self.device = device
        self.secret = secret
        self.name = name
    }
}
