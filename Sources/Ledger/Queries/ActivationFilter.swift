public import Time

/// Which activations, or devices near their expiry, are asked for; what is `nil` does not matter.
public struct ActivationFilter: Hashable, Sendable {
    /// Of any of these.
    public var accounts: [AccountID]?

    /// Any of these.
    public var products: [ProductKey]?

    /// A part of the product's name, in small or capital letters.
    public var productName: String?
    public var device: DeviceKey?
    public var activated: Range<Timestamp>?
    public var expires: Range<Timestamp>?

    public init(
        accounts: [AccountID]? = nil,
        products: [ProductKey]? = nil,
        productName: String? = nil,
        device: DeviceKey? = nil,
        activated: Range<Timestamp>? = nil,
        expires: Range<Timestamp>? = nil
    ) {
        self.accounts = accounts
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
        if let accounts, !accounts.contains(product.account) { return false }
        if let products, !products.contains(key) { return false }
        if let productName { return product.name.holds(productName) }
        return true
    }

    /// A part of a list's name: filters that differ have texts that differ.
    var text: String {
        [
            accounts?.map(\.text).joined(separator: ",") ?? "*",
            products?.map(\.text).joined(separator: ",") ?? "*",
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
        let (text, wanted) = (Array(lowercased().utf8), Array(part.lowercased().utf8))
        guard text.count >= wanted.count else { return false }
        return (0...text.count - wanted.count).contains { start in
            wanted.indices.allSatisfy { text[start + $0] == wanted[$0] }
        }
    }
}
