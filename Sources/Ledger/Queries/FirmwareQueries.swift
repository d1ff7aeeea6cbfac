public import Storage

/// A firmware image, with its place in the books.
public struct FirmwareImage: Hashable, Sendable {
    public let product: ProductKey
    public let version: FirmwareVersion
    public let record: FirmwareRecord
}

/// The upgrade to an image that a device has under way, and the image.
public struct FirmwareOffer: Hashable, Sendable {
    public let identity: DeviceIdentity
    public let record: FirmwareOfferRecord
    public let image: FirmwareRecord
}

/// What the books say about firmware images, and upgrades to them.
extension Books {
    public func image(
        _ version: FirmwareVersion,
        of product: ProductKey,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> FirmwareImage? {
        try firmware.get(KeyPair(product, version), in: transaction)
            .map { FirmwareImage(product: product, version: version, record: $0) }
    }

    /// The product's images, by their versions.
    public func images(
        of product: ProductKey,
        cursor: String? = nil,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<FirmwareImage> {
        try page(
            of: firmware, prefix: product, cursor: cursor, limit: limit, in: transaction
        ) { key, record in
            FirmwareImage(product: key.first, version: key.second, record: record)
        }
    }

    /// All images of all products.
    public func images(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [FirmwareImage] {
        var images: [FirmwareImage] = []
        try firmware.forEach(in: transaction) { key, record in
            images.append(
                FirmwareImage(product: key.first, version: key.second, record: record))
            return .proceed
        }
        return images
    }

    /// `nil` when the device has none under way, or its product was deleted.
    public func offer(
        to identity: DeviceIdentity,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> FirmwareOffer? {
        guard let record = try firmwareOffers.get(identity, in: transaction),
            let image = try firmware.get(
                KeyPair(identity.product, record.version), in: transaction)
        else { return nil }
        return FirmwareOffer(identity: identity, record: record, image: image)
    }
}
