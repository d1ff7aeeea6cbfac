public import Storage
public import Time

/// One consumption of a code: an entry of the history (rule B10).
public struct Activation: Hashable, Sendable {
    public let identity: DeviceIdentity
    public let entitlement: Entitlement

    /// Where the device connected (rule B13); it was counted in the product's home.
    public let dataCentre: DataCentreID

    public init(identity: DeviceIdentity, entitlement: Entitlement, dataCentre: DataCentreID) {
        self.identity = identity
        self.entitlement = entitlement
        self.dataCentre = dataCentre
    }
}

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
        if let productName { return product.wasCalled(productName) }
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

/// Rule B10: the history of consumed codes.
extension Books {
    /// A device's own list of consumed codes, the first one first (rule B10).
    public func activations(
        of identity: DeviceIdentity,
        cursor: String? = nil,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<Activation> {
        try activations(
            of: identity, ActivationFilter(), cursor: cursor, limit: limit, in: transaction)
    }

    /// The codes that a product has consumed (rule B10), oldest activation first; when a range of
    /// expiry is asked for that is shorter than the one of activation, earliest expiry first; with a
    /// device, from its own list. The filter's products, name and accounts are not asked.
    public func consumedCodes(
        of product: ProductKey,
        _ filter: ActivationFilter = ActivationFilter(),
        cursor: String? = nil,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<Activation> {
        if let device = filter.device {
            let identity = DeviceIdentity(product: product, device: device)
            return try activations(
                of: identity, filter, cursor: cursor, limit: limit, in: transaction)
        }
        if let expires = filter.expires, expires.isShorter(than: filter.activated) {
            return try codes(
                of: product, ending: expires, filter, cursor: cursor, limit: limit,
                in: transaction)
        }
        var lower = KeyBound<KeyTriple<ProductKey, Timestamp, UInt64>>.unbounded
        var upper = lower
        if let activated = filter.activated {
            lower = .including(KeyTriple(product, activated.lowerBound, 0))
            upper = .excluding(KeyTriple(product, activated.upperBound, 0))
        }
        return try page(
            of: consumptions,
            prefix: product,
            from: lower,
            to: upper,
            filter: filter.text,
            cursor: cursor,
            limit: limit,
            in: transaction
        ) { key, record in
            let found = Self.activation(at: key, record)
            return filter.matches(found.identity.device, found.entitlement) ? found : nil
        }
    }

    /// Those whose period ends in a range, by their end.
    private func codes(
        of product: ProductKey,
        ending expires: Range<Timestamp>,
        _ filter: ActivationFilter,
        cursor: String?,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<Activation> {
        try page(
            of: expiries,
            prefix: product,
            from: .including(KeyTriple(product, expires.lowerBound, 0)),
            to: .excluding(KeyTriple(product, expires.upperBound, 0)),
            filter: filter.text,
            reads: 2,
            cursor: cursor,
            limit: limit,
            in: transaction
        ) { (key, expiry) throws(StoreError) in
            let place = KeyTriple(product, expiry.activatedAt, key.third)
            let found = Self.activation(at: place, try entry(at: place, in: transaction))
            return filter.matches(found.identity.device, found.entitlement) ? found : nil
        }
    }

    /// A device's own list: its past periods, then the latest one, which is in its record.
    private func activations(
        of identity: DeviceIdentity,
        _ filter: ActivationFilter,
        cursor: String?,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<Activation> {
        typealias Place = KeyPair<DeviceIdentity, UInt32>
        let list = ListMark(periods.name, filter: filter.text).within(identity)
        var builder = PageBuilder<Place, Activation>(list, limit: limit, reads: readsPerPage)
        var last: Place?
        if let cursor { last = try PageCursor.key(at: cursor, of: list) as Place }
        guard let latest = try devices.get(identity, in: transaction)?.entitlement else {
            return builder.page
        }
        var isWhole = true
        try periods.forEach(
            in: transaction, prefix: identity, from: last.map { .excluding($0) } ?? .unbounded
        ) { (key, period) throws(StoreError) in
            isWhole = builder.hasRoom()
            guard isWhole else { return .stop }
            let place = KeyTriple(identity.product, period.activatedAt, period.code.serial)
            let found = Self.activation(at: place, try entry(at: place, in: transaction))
            let isWanted = filter.matches(identity.device, found.entitlement)
            builder.take(isWanted ? found : nil, at: key, reads: 2)
            return .proceed
        }
        if isWhole, latest.period > last?.second ?? 0, builder.hasRoom() {
            let isWanted = filter.matches(identity.device, latest)
            let place = KeyTriple(identity.product, latest.activatedAt, latest.code.serial)
            builder.take(
                isWanted ? Self.activation(at: place, try entry(at: place, in: transaction)) : nil,
                at: KeyPair(identity, latest.period),
                reads: 2
            )
        }
        return builder.page
    }

    /// A history entry that another record names.
    func entry(
        at place: KeyTriple<ProductKey, Timestamp, UInt64>,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> ConsumptionRecord {
        guard let record = try consumptions.get(place, in: transaction) else {
            throw .malformed(what: "index without its history entry")
        }
        return record
    }

    static func activation(
        at place: KeyTriple<ProductKey, Timestamp, UInt64>,
        _ record: ConsumptionRecord
    ) -> Activation {
        Activation(
            identity: DeviceIdentity(product: place.first, device: record.device),
            entitlement: Entitlement(
                code: ActivationCode(serial: place.third),
                period: record.period,
                activatedAt: place.second,
                expiresAt: record.expiresAt,
                cause: record.cause
            ),
            dataCentre: record.dataCentre
        )
    }
}

extension Range<Timestamp> {
    fileprivate func isShorter(than other: Range<Timestamp>?) -> Bool {
        guard let other else { return true }
        return upperBound.milliseconds(since: lowerBound)
            < other.upperBound.milliseconds(since: other.lowerBound)
    }
}
