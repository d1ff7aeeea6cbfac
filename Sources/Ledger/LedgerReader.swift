import Bytes
public import Storage
public import Time

/// One thread's way to read the books: a cached transaction, and the products it has met.
///
/// Admission of a registered device is one lookup: its record is read in place, and the product comes
/// from the cache, which is dropped as soon as a change of a product has been applied.
public struct LedgerReader: ~Copyable {
    private var reader: CachedReader
    private let books: Books
    private let productsVersion: ProductsVersion
    private var cachedVersion: UInt64
    private var products: [ProductKey: CachedProduct] = [:]

    /// Of products in the cache; past it, the cache starts anew.
    private static var cacheMaximum: Int { 65_536 }

    init(_ reader: consuming CachedReader, books: Books, productsVersion: ProductsVersion) {
        self.reader = reader
        self.books = books
        self.productsVersion = productsVersion
        cachedVersion = productsVersion.current
    }

    /// Lends `body` the product and the device, as far as the books know them: what credentials are
    /// checked with and `Admission.decide` asks. A deleted product or device may be among them; the
    /// decision refuses or readmits it.
    @inlinable
    public mutating func withDevice<Result>(
        _ identity: DeviceIdentity,
        _ body: (CachedProduct?, DeviceView?) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        var result: Result?
        try lendDevice(identity) { product, view throws(StoreError) in
            result = try body(product, view)
        }
        guard let result else { preconditionFailure("what is lent was looked at") }
        return result
    }

    /// The same for any result, so that this is compiled once, and finds no type's metadata at run time. Calls `body` once.
    @usableFromInline
    mutating func lendDevice(
        _ identity: DeviceIdentity,
        _ body: (CachedProduct?, DeviceView?) throws(StoreError) -> Void
    ) throws(StoreError) {
        refreshCache()
        let books = books
        var product = products[identity.product]
        let isCached = product != nil
        try reader.withTransaction { (transaction) throws(StoreError) in
            if product == nil {
                product = try books.products.get(identity.product, in: transaction)
                    .map { CachedProduct($0) }
            }
            let isFound = try books.devices.withRecord(identity, in: transaction) {
                (bytes) throws(StoreError) -> Bool in
                let view = try DeviceView(stored: bytes)
                guard view.standing.isRegistered else { return false }
                try body(product, view)
                return true
            }
            if isFound == true { return }
            guard let record = try books.device(identity, in: transaction) else {
                return try body(product, nil)
            }
            // Deleted, or staged by an import that was committed: few, and not for long.
            var bytes = ByteBuffer(capacity: 256)
            record.encode(into: &bytes)
            try body(product, DeviceView(stored: bytes.span))
        }
        if !isCached, let product { cache(product, as: identity.product) }
    }

    /// What a registered device is to be, and when it was registered; `nil` of any other.
    public mutating func desiredState(
        of identity: DeviceIdentity
    ) throws(StoreError) -> (registeredAt: Timestamp, desired: DesiredState)? {
        let books = books
        return try reader.withTransaction { (transaction) throws(StoreError) in
            try books.registeredState(of: identity, in: transaction)
        }
    }

    /// A product's settings, from the cache if they are there.
    public mutating func product(_ key: ProductKey) throws(StoreError) -> ProductRecord? {
        refreshCache()
        if let product = products[key] { return product.record }
        let books = books
        let product = try reader.withTransaction { (transaction) throws(StoreError) in
            try books.products.get(key, in: transaction)
        }
        if let product { cache(CachedProduct(product), as: key) }
        return product
    }

    /// Whether a device that is entitled by `code` has what the product's free codes give (rule A4). Only of
    /// a product where that is not what its package gives the books are asked.
    public mutating func isFree(
        _ code: ActivationCode?, of product: ProductRecord
    ) throws(StoreError) -> Bool {
        guard let code, product.freeDevices == .some else { return product.freeDevices == .all }
        return try read { books, transaction throws(StoreError) in
            try books.isFree(code, of: product, in: transaction)
        }
    }

    /// Runs queries on the books as they are now.
    public mutating func read<Result>(
        _ body: (Books, borrowing ReadTransaction) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        let books = books
        return try reader.withTransaction { (transaction) throws(StoreError) in
            try body(books, transaction)
        }
    }

    /// The version is read before a transaction begins: what is cached under it is at least as new.
    private mutating func refreshCache() {
        let version = productsVersion.current
        if version != cachedVersion {
            products.removeAll(keepingCapacity: true)
            cachedVersion = version
        }
    }

    private mutating func cache(_ product: CachedProduct, as key: ProductKey) {
        if products.count >= Self.cacheMaximum { products.removeAll(keepingCapacity: true) }
        products[key] = product
    }
}

/// A product as a reader has met it. Handed on by reference: each copy of its record counts a dozen others.
public final class CachedProduct: Sendable {
    public let record: ProductRecord

    init(_ record: ProductRecord) { self.record = record }
}
