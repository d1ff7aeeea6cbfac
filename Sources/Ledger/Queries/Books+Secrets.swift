import Bytes
public import Storage

extension Books {
    /// Lends every sealed secret in the books, a product's with its name, a device's with its
    /// identity: for whoever checks that they can be opened.
    public func forEachSecret(
        in transaction: borrowing some Transaction & ~Copyable,
        product: (ProductKey, SealedSecret) -> Void,
        device: (DeviceIdentity, Span<UInt8>) -> Void
    ) throws(StoreError) {
        try products.forEach(in: transaction) { key, record in
            product(key, record.secret)
            return .proceed
        }
        try devices.scan(in: transaction) { (key, bytes) throws(StoreError) in
            let view = try DeviceView(decoding: bytes)
            if !view.sealedSecret.isEmpty {
                var reader = ByteReader(key)
                guard let identity = DeviceIdentity(decoding: &reader) else {
                    throw .malformed(what: "key")
                }
                device(identity, view.sealedSecret)
            }
            return .proceed
        }
    }
}
