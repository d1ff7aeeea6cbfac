public import Bytes
public import Encoding

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
