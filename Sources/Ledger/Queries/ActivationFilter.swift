public import Time

/// Which activations, or devices near their expiry, are asked for; what is `nil` does not matter.
public struct ActivationFilter: Hashable, Sendable {
    public var account: AccountID?

    /// Any of these.
    public var products: [ProductKey]?

    /// A part of the product's name, in small or capital letters.
    public var productName: String?
    public var device: DeviceKey?
    public var activated: Range<Timestamp>?
    public var expires: Range<Timestamp>?

    public init(
        account: AccountID? = nil,
        products: [ProductKey]? = nil,
        productName: String? = nil,
        device: DeviceKey? = nil,
        activated: Range<Timestamp>? = nil,
        expires: Range<Timestamp>? = nil
    ) {
        self.account = account
        self.products = products
        self.productName = productName
        self.device = device
        self.activated = activated
        self.expires = expires
    }

    func matches(_ device: DeviceKey, _ entitlement: Entitlement) -> Bool {
        if let wanted = self.device, wanted != device { return false }
        if let activated, !activated.contains(entitlement.activatedAt) { return false }
        if let expires, !expires.contains(entitlement.expiresAt) { return false }
        return true
    }

    func matches(_ key: ProductKey, _ product: ProductRecord) -> Bool {
        if let account, account != product.account { return false }
        if let products, !products.contains(key) { return false }
        if let productName { return product.name.holds(productName) }
        return true
    }

    /// A part of a list's name: filters that differ have texts that differ.
    var text: String {
        [
            account?.text ?? "", products?.map(\.text).joined(separator: ",") ?? "*",
            device?.text ?? "", Self.text(of: activated), Self.text(of: expires),
            productName ?? "",
        ].joined(separator: "|")
    }

    private static func text(of range: Range<Timestamp>?) -> String {
        range.map { "\($0.lowerBound.milliseconds)..\($0.upperBound.milliseconds)" } ?? ""
    }
}

extension String {
    /// Whether `part` occurs in it, small and capital letters taken for the same.
    func holds(_ part: String) -> Bool {
        part.isEmpty || lowercased().contains(part.lowercased())
    }
}
