public import Storage
public import Time

/// A device whose entitlement ends soon (rule B11).
public struct NearExpiry: Hashable, Sendable {
    public let identity: DeviceIdentity
    public let productName: String
    public let account: AccountID
    public let entitlement: Entitlement

    /// Whether it will be renewed automatically, if a code is left then.
    public let autoRenewal: Bool
}

/// How many devices are near their expiry.
public struct NearExpiryCount: Hashable, Sendable {
    /// Those that will be renewed automatically, if a code is left then.
    public private(set) var renewed = 0

    /// Those that will not.
    public private(set) var ending = 0

    public var total: Int { renewed + ending }

    public init() {}

    mutating func add(_ device: NearExpiry) {
        if device.autoRenewal { renewed += 1 } else { ending += 1 }
    }
}

/// From when to when entitlements end that are asked for, and the last one that was seen.
///
/// All lists of them are in one order: by expiry, then product, then serial of the code.
struct ExpiryWindow {
    typealias Place = KeyTriple<Timestamp, ProductKey, UInt64>
    typealias PlaceInProduct = KeyTriple<ProductKey, Timestamp, UInt64>

    let range: Range<Timestamp>
    private let last: Place?

    /// - Parameter last: what was seen before it began counts for nothing.
    init(_ range: Range<Timestamp>, after last: Place?) {
        self.range = range
        self.last = last.flatMap { $0.first < range.lowerBound ? nil : $0 }
    }

    /// The bounds among the entitlements of all products.
    var lower: KeyBound<Place> {
        if let last { return .excluding(last) }
        return .including(KeyTriple(range.lowerBound, Self.leastProduct, 0))
    }

    var upper: KeyBound<Place> {
        .excluding(KeyTriple(range.upperBound, Self.leastProduct, 0))
    }

    /// The bounds among those of one product.
    func lower(in product: ProductKey) -> KeyBound<PlaceInProduct> {
        guard let last else { return .including(KeyTriple(product, range.lowerBound, 0)) }
        if product == last.second {
            return .excluding(KeyTriple(product, last.first, last.third))
        }
        let isPassed = product < last.second
        return .including(KeyTriple(product, last.first.adding(milliseconds: isPassed ? 1 : 0), 0))
    }

    func upper(in product: ProductKey) -> KeyBound<PlaceInProduct> {
        .excluding(KeyTriple(product, range.upperBound, 0))
    }

    /// Whether it is in the range, and was not seen.
    func holds(_ place: Place) -> Bool {
        range.contains(place.first) && last.map { Self.areInOrder($0, place) } ?? true
    }

    static func areInOrder(_ left: Place, _ right: Place) -> Bool {
        (left.first, left.second, left.third) < (right.first, right.second, right.third)
    }

    /// No product orders before it: "0" is the least byte of their alphabet.
    private static var leastProduct: ProductKey {
        guard let product = ProductKey("0") else { preconditionFailure("this is well-formed") }
        return product
    }
}

/// Rule B11: whose entitlement ends soon.
extension Books {
    /// The devices whose entitlement ends within `milliseconds` after `time`, `0 < rest <=
    /// milliseconds`, earliest first (rule B11). Deleted devices and products are left out.
    ///
    /// Products that the filter can mean are asked one by one, each in its own index, and merged; so
    /// is a device's record in each of them. Only when they are too many for that, all entitlements
    /// are walked.
    public func nearExpiry(
        at time: Timestamp,
        withinMilliseconds milliseconds: Int64,
        _ filter: ActivationFilter = ActivationFilter(),
        cursor: String? = nil,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<NearExpiry> {
        let list = ListMark("nearExpiry", filter: filter.text)
        var builder = PageBuilder<ExpiryWindow.Place, NearExpiry>(
            list, limit: limit, reads: readsPerPage)
        var lower = time.adding(milliseconds: 1)
        var upper = time.adding(milliseconds: milliseconds + 1)
        if let expires = filter.expires {
            lower = max(lower, expires.lowerBound)
            upper = min(upper, expires.upperBound)
        }
        var last: ExpiryWindow.Place?
        if let cursor { last = try PageCursor.key(at: cursor, of: list) }
        guard lower < upper else { return builder.page }
        let window = ExpiryWindow(lower..<upper, after: last)
        guard
            let products = try candidates(for: filter, in: transaction)
        else {
            try walk(window, filter, into: &builder, in: transaction)
            return builder.page
        }
        if let device = filter.device {
            try lookUp(device, of: products, window, filter, into: &builder, in: transaction)
        } else {
            try merge(products, window, filter, into: &builder, in: transaction)
        }
        return builder.page
    }

    /// How many devices of the accounts are near their expiry (rule B11); counts no further than
    /// `maximum`.
    public func nearExpiryCount(
        of accounts: [AccountID],
        at time: Timestamp,
        withinMilliseconds milliseconds: Int64,
        atMost maximum: Int = 10_000,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Int {
        let filter = ActivationFilter(accounts: accounts)
        var count = 0
        var cursor: String?
        repeat {
            let page = try nearExpiry(
                at: time, withinMilliseconds: milliseconds, filter, cursor: cursor,
                limit: min(1_000, maximum - count), in: transaction)
            count += page.elements.count
            cursor = page.cursor
        } while cursor != nil && count < maximum
        return count
    }

    /// How many of each product, of the `maximum` that end first. Reads no more than twenty pages: many that are deleted
    /// may lie between.
    public func nearExpiryCounts(
        at time: Timestamp,
        withinMilliseconds milliseconds: Int64,
        atMost maximum: Int = 10_000,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [ProductKey: NearExpiryCount] {
        var counts: [ProductKey: NearExpiryCount] = [:]
        var count = 0
        var pages = 0
        var cursor: String?
        repeat {
            let page = try nearExpiry(
                at: time, withinMilliseconds: milliseconds, cursor: cursor,
                limit: min(1_000, maximum - count), in: transaction)
            for device in page.elements {
                counts[device.identity.product, default: NearExpiryCount()].add(device)
            }
            count += page.elements.count
            pages += 1
            cursor = page.cursor
        } while cursor != nil && count < maximum && pages < 20
        return counts
    }

    /// All open entitlements of the window, those of all products.
    private func walk(
        _ window: ExpiryWindow,
        _ filter: ActivationFilter,
        into builder: inout PageBuilder<ExpiryWindow.Place, NearExpiry>,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var taken = builder
        var met: [ProductKey: ProductRecord?] = [:]
        try expiring.forEach(in: transaction, from: window.lower, to: window.upper) {
            (place, record) throws(StoreError) in
            guard taken.hasRoom() else { return .stop }
            var found: NearExpiry?
            if filter.device == nil || filter.device == record.device {
                var product = met[place.second]
                if product == nil {
                    product = try existing(place.second, in: transaction)
                        .flatMap { filter.matches(place.second, $0) ? $0 : nil }
                    met[place.second] = product
                }
                if let product = product ?? nil {
                    found = try nearExpiry(record.device, product, place, filter, in: transaction)
                }
            }
            taken.take(found, at: place, reads: 2)
            return .proceed
        }
        builder = taken
    }

    /// One device of each of the products: at most one entitlement in each.
    private func lookUp(
        _ device: DeviceKey,
        of products: [(key: ProductKey, record: ProductRecord)],
        _ window: ExpiryWindow,
        _ filter: ActivationFilter,
        into builder: inout PageBuilder<ExpiryWindow.Place, NearExpiry>,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var found: [(place: ExpiryWindow.Place, element: NearExpiry)] = []
        for (key, product) in products {
            let identity = DeviceIdentity(product: key, device: device)
            guard let entitlement = try devices.get(identity, in: transaction)?.entitlement else {
                continue
            }
            let place = KeyTriple(entitlement.expiresAt, key, entitlement.code.serial)
            guard window.holds(place) else { continue }
            if let element = try nearExpiry(device, product, place, filter, in: transaction) {
                found.append((place, element))
            }
        }
        for (place, element) in found.sorted(by: { ExpiryWindow.areInOrder($0.place, $1.place) }) {
            guard builder.hasRoom() else { return }
            builder.take(element, at: place, reads: 1)
        }
    }

    /// The open entitlements of some products.
    private func merge(
        _ products: [(key: ProductKey, record: ProductRecord)],
        _ window: ExpiryWindow,
        _ filter: ActivationFilter,
        into builder: inout PageBuilder<ExpiryWindow.Place, NearExpiry>,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var merge = Merge<ProductRecord, ExpiryWindow.Place, Timestamp>(
            orderedBy: ExpiryWindow.areInOrder)
        func add(
            _ product: ProductRecord,
            _ key: ProductKey,
            from lower: KeyBound<ExpiryWindow.PlaceInProduct>
        ) throws(StoreError) {
            try expiries.forEach(
                in: transaction, prefix: key, from: lower, to: window.upper(in: key), limit: 1
            ) { place, record in
                let position = KeyTriple(place.second, key, place.third)
                merge.add(
                    .init(source: product, position: position, value: record.activatedAt))
                return .stop
            }
        }
        for (key, product) in products {
            try add(product, key, from: window.lower(in: key))
        }
        while let head = merge.first, builder.hasRoom() {
            let (expiresAt, key, serial) = (
                head.position.first, head.position.second, head.position.third
            )
            var found: NearExpiry?
            if filter.activated?.contains(head.value) ?? true,
                let entry = try consumptions.get(
                    KeyTriple(key, head.value, serial), in: transaction)
            {
                found = try nearExpiry(
                    entry.device, head.source, head.position, filter, in: transaction)
            }
            builder.take(found, at: head.position, reads: 3)
            merge.removeFirst()
            try add(head.source, key, from: .excluding(KeyTriple(key, expiresAt, serial)))
        }
    }

    /// The device, if the entitlement at `place` is the one it has, open, and as was asked for.
    private func nearExpiry(
        _ device: DeviceKey,
        _ product: ProductRecord,
        _ place: ExpiryWindow.Place,
        _ filter: ActivationFilter,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> NearExpiry? {
        let identity = DeviceIdentity(product: place.second, device: device)
        guard let record = try self.device(identity, in: transaction),
            record.isRegistered, record.isOpen, let entitlement = record.entitlement,
            entitlement.expiresAt == place.first, entitlement.code.serial == place.third,
            filter.matches(device, entitlement)
        else { return nil }
        return NearExpiry(
            identity: identity,
            productName: product.name,
            account: product.account,
            entitlement: entitlement,
            autoRenewal: product.autoRenewal && !record.isExceptedFromRenewal
        )
    }
}
