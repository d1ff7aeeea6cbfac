public import Time

/// Which activations, or devices near their expiry, are asked for; what is `nil` does not matter.
public struct ActivationFilter: Hashable, Sendable {
    public var accounts: Set<AccountID>?
    public var product: ProductKey?

    /// A part of the product's name, in small or capital letters.
    public var productName: String?
    public var device: DeviceKey?
    public var activated: Range<Timestamp>?
    public var expires: Range<Timestamp>?

    public init(
        accounts: Set<AccountID>? = nil,
        product: ProductKey? = nil,
        productName: String? = nil,
        device: DeviceKey? = nil,
        activated: Range<Timestamp>? = nil,
        expires: Range<Timestamp>? = nil
    ) {
        self.accounts = accounts
        self.product = product
        self.productName = productName
        self.device = device
        self.activated = activated
        self.expires = expires
    }

    func matches(_ identity: DeviceIdentity, _ entitlement: Entitlement) -> Bool {
        if let device, device != identity.device { return false }
        if let product, product != identity.product { return false }
        if let activated, !activated.contains(entitlement.activatedAt) { return false }
        if let expires, !expires.contains(entitlement.expiresAt) { return false }
        return true
    }

    func matches(_ product: ProductRecord) -> Bool {
        if let accounts, !accounts.contains(product.account) { return false }
        if let productName { return product.name.holds(productName) }
        return true
    }
}

extension String {
    /// Whether `part` occurs in it, small and capital letters taken for the same.
    func holds(_ part: String) -> Bool {
        part.isEmpty || lowercased().contains(part.lowercased())
    }
}
