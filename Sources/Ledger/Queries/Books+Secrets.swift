import Bytes
public import Storage

extension Books {
    /// Lends every sealed secret in the books, a product's with its name, a device's with its
    /// identity: for whoever checks that they can be opened. Records that are damaged are passed over:
    /// `verify` names them.
    public func forEachSecret(
        in transaction: borrowing some Transaction & ~Copyable,
        product: (ProductKey, SealedSecret) -> Void,
        device: (DeviceIdentity, Span<UInt8>) -> Void
    ) throws(StoreError) {
        try products.scan(in: transaction) { key, bytes in
            var (keyReader, reader) = (ByteReader(key), ByteReader(bytes))
            if let key = ProductKey(decoding: &keyReader),
                let record = try? ProductRecord(decoding: &reader)
            {
                product(key, record.secret)
            }
            return .proceed
        }
        try devices.scan(in: transaction) { key, bytes in
            var reader = ByteReader(key)
            if let identity = DeviceIdentity(decoding: &reader),
                let view = try? DeviceView(decoding: bytes), !view.sealedSecret.isEmpty
            {
                device(identity, view.sealedSecret)
            }
            return .proceed
        }
    }
}
