/// A device of the whole installation: its product and its key there.
public struct DeviceIdentity: Hashable, Sendable, CustomStringConvertible {
    public let product: ProductKey
    public let device: DeviceKey

    public init(product: ProductKey, device: DeviceKey) {
        self.product = product
        self.device = device
    }

    /// `PK.DK`, the client id of the device.
    public var description: String { "\(product).\(device)" }
}
