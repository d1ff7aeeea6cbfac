public import Storage
public import Time

/// What the books say about codes: how they came, where they went.
extension Books {
    /// The account's batches of codes, oldest first.
    public func purchases(
        of account: AccountID,
        cursor: String? = nil,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<Purchase> {
        try page(of: purchases, prefix: account, cursor: cursor, limit: limit, in: transaction) {
            (key, _) throws(StoreError) in
            try batches.get(key.second, in: transaction)
                .map { Purchase(first: ActivationCode(serial: key.second), record: $0) }
        }
    }

    /// The batch that a code came with (rule A9); `nil` when there is no such code.
    public func purchase(
        of code: ActivationCode,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Purchase? {
        var found: Purchase?
        try batches.forEach(
            in: transaction,
            to: .including(code.serial),
            reversed: true,
            limit: 1
        ) { first, record in
            if code.serial - first < record.quantity {
                found = Purchase(first: ActivationCode(serial: first), record: record)
            }
            return .stop
        }
        return found
    }

    /// The account's assignments, newest first; with `matching`, those of the product of that key or
    /// of products whose name contains it (rule A3).
    public func assignments(
        of account: AccountID,
        matching: String? = nil,
        cursor: String? = nil,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<Assignment> {
        try page(
            of: assignments,
            prefix: account,
            reversed: true,
            cursor: cursor,
            limit: limit,
            in: transaction
        ) { (key, record) throws(StoreError) in
            let name = try products.get(record.product, in: transaction)?.name ?? ""
            if let matching, matching != record.product.text, !name.holds(matching) { return nil }
            return Assignment(
                sequence: key.second,
                account: account,
                record: record,
                productName: name
            )
        }
    }

    /// How many codes can be assigned to the product (rule A6): of its package, or, before it has
    /// one, of each package that the account holds unassigned codes of. Empty when there are none, or
    /// no such product.
    public func assignable(
        to key: ProductKey,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [Assignable] {
        guard let product = try existing(key, in: transaction) else { return [] }
        var found: [Assignable] = []
        try holdings.forEach(in: transaction, prefix: product.account) { key, holding in
            let fits = product.package == nil || product.package == key.second
            if fits, holding.unassigned > 0 {
                found.append(Assignable(package: key.second, quantity: holding.unassigned))
            }
            return .proceed
        }
        return found
    }

    /// A device's own list of consumed codes, the first one first (rule B10).
    public func activations(
        of identity: DeviceIdentity,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [Activation] {
        guard let latest = try devices.get(identity, in: transaction)?.entitlement else {
            return []
        }
        var found: [Activation] = []
        try periods.forEach(in: transaction, prefix: identity) {
            (_, period) throws(StoreError) in
            let place = KeyTriple(identity.product, period.activatedAt, period.code.serial)
            guard let record = try consumptions.get(place, in: transaction) else {
                throw .malformed(what: "period of \(identity) without its history entry")
            }
            found.append(Self.activation(at: place, record))
            return .proceed
        }
        return found + [Activation(identity: identity, entitlement: latest)]
    }

    /// The codes that a product has consumed (rule B10), oldest activation first; with a range of
    /// expiry and none of activation, earliest expiry first; with a device, from its own list. The
    /// filter's product, name and account are not asked.
    public func consumedCodes(
        of product: ProductKey,
        _ filter: ActivationFilter = ActivationFilter(),
        cursor: String? = nil,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<Activation> {
        if let device = filter.device {
            let identity = DeviceIdentity(product: product, device: device)
            return try consumedCodes(of: identity, filter, cursor, limit, in: transaction)
        }
        if filter.activated == nil, let expires = filter.expires {
            return try page(
                of: expiries,
                prefix: product,
                from: .including(KeyTriple(product, expires.lowerBound, 0)),
                to: .excluding(KeyTriple(product, expires.upperBound, 0)),
                cursor: cursor,
                limit: limit,
                in: transaction
            ) { (key, expiry) throws(StoreError) in
                let place = KeyTriple(product, expiry.activatedAt, key.third)
                guard let record = try consumptions.get(place, in: transaction) else {
                    throw .malformed(what: "expiry without its history entry")
                }
                let found = Self.activation(at: place, record)
                return filter.matches(found) ? found : nil
            }
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
            cursor: cursor,
            limit: limit,
            in: transaction
        ) { key, record in
            let found = Self.activation(at: key, record)
            return filter.matches(found) ? found : nil
        }
    }

    /// One device's, the first one first; the cursor is the last period's number.
    private func consumedCodes(
        of identity: DeviceIdentity,
        _ filter: ActivationFilter,
        _ cursor: String?,
        _ limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<Activation> {
        guard let last = UInt32(cursor ?? "0") else { throw .malformed(what: "cursor") }
        let found = try activations(of: identity, in: transaction)
            .filter { $0.entitlement.period > last && filter.matches($0) }
        let elements = Array(found.prefix(limit))
        let next = found.count > limit ? elements.last.map { "\($0.entitlement.period)" } : nil
        return Page(elements: elements, cursor: next)
    }

    /// The devices whose entitlement ends within `milliseconds` after `time`, `0 < rest <=
    /// milliseconds`, earliest first (rule B11). Deleted devices and products are left out.
    public func nearExpiry(
        at time: Timestamp,
        withinMilliseconds milliseconds: Int64,
        _ filter: ActivationFilter = ActivationFilter(),
        cursor: String? = nil,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<NearExpiry> {
        let from = max(time.adding(milliseconds: 1), filter.expires?.lowerBound ?? time)
        let end = time.adding(milliseconds: milliseconds + 1)
        let to = min(end, filter.expires?.upperBound ?? end)
        guard from < to else { return Page(elements: [], cursor: nil) }
        return try page(
            of: expiring,
            from: .including(KeyPair(from, Self.leastIdentity)),
            to: .excluding(KeyPair(to, Self.leastIdentity)),
            cursor: cursor,
            limit: limit,
            in: transaction
        ) { (key, _) throws(StoreError) in
            let identity = key.second
            if let product = filter.product, product != identity.product { return nil }
            if let device = filter.device, device != identity.device { return nil }
            guard let product = try existing(identity.product, in: transaction),
                filter.matches(product),
                let device = try device(identity, in: transaction), device.isRegistered,
                let entitlement = device.entitlement, filter.matches(identity, entitlement)
            else { return nil }
            return NearExpiry(
                identity: identity,
                productName: product.name,
                account: product.account,
                entitlement: entitlement,
                autoRenewal: product.autoRenewal && !device.isExceptedFromRenewal
            )
        }
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
            )
        )
    }

    /// No identity orders before it: its bytes are the least of their alphabets.
    private static var leastIdentity: DeviceIdentity {
        guard let product = ProductKey("0"), let device = DeviceKey("-") else {
            preconditionFailure("these are well-formed")
        }
        return DeviceIdentity(product: product, device: device)
    }
}

extension ActivationFilter {
    fileprivate func matches(_ activation: Activation) -> Bool {
        if let device, device != activation.identity.device { return false }
        if let activated, !activated.contains(activation.entitlement.activatedAt) { return false }
        if let expires, !expires.contains(activation.entitlement.expiresAt) { return false }
        return true
    }
}
