public import Bytes
public import Encoding

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

/// Product, then device: the devices of a product are neighbours.
extension DeviceIdentity: StorageKey {
    public func encode(into writer: inout KeyWriter) {
        product.encode(into: &writer)
        device.encode(into: &writer)
    }

    public init?(decoding reader: inout ByteReader) {
        guard let product = ProductKey(decoding: &reader), let device = DeviceKey(decoding: &reader)
        else { return nil }
        self.init(product: product, device: device)
    }
}
