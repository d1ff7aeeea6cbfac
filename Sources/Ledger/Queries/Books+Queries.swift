public import Storage
public import Time

/// What the books say. Every query works in the caller's transaction, so that several of them
/// together are one consistent view. Lists come in pages, see `Page`.
extension Books {
    public func account(
        _ id: AccountID,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> AccountRecord? {
        try accounts.get(id, in: transaction)
    }

    /// By id. With a `parent`, only its sub-accounts.
    public func accounts(
        parent: AccountID? = nil,
        cursor: String? = nil,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<(id: AccountID, record: AccountRecord)> {
        try page(of: accounts, cursor: cursor, limit: limit, in: transaction) { id, record in
            parent == nil || record.parent == parent ? (id, record) : nil
        }
    }

    /// Rule A1, summed over the account's packages and products.
    public func figures(
        of account: AccountID,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> AccountFigures {
        var unassigned: UInt64 = 0
        try holdings.forEach(in: transaction, prefix: account) { _, holding in
            unassigned += holding.unassigned
            return .proceed
        }
        var (used, remaining) = (UInt64(0), unassigned)
        try accountProducts.forEach(in: transaction, prefix: account) {
            (key, _) throws(StoreError) in
            let pool = try pool(of: key.second, in: transaction)
            used += pool.consumed
            if try existing(key.second, in: transaction) != nil { remaining += pool.remaining }
            return .proceed
        }
        return AccountFigures(
            total: used + remaining,
            used: used,
            remaining: remaining,
            unassigned: unassigned
        )
    }

    /// The account's codes by package.
    public func holdings(
        of account: AccountID,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [(package: PackageID, record: HoldingRecord)] {
        var found: [(PackageID, HoldingRecord)] = []
        try holdings.forEach(in: transaction, prefix: account) { key, record in
            found.append((key.second, record))
            return .proceed
        }
        return found
    }

    public func package(
        _ id: PackageID,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> PackageRecord? {
        try packages.get(id, in: transaction)
    }

    public func packages(
        cursor: String? = nil,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<(id: PackageID, record: PackageRecord)> {
        try page(of: packages, cursor: cursor, limit: limit, in: transaction) { ($0, $1) }
    }

    /// Also a deleted product: ask `isDeleted`.
    public func product(
        _ key: ProductKey,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> ProductRecord? {
        try products.get(key, in: transaction)
    }

    /// By product key, without deleted ones.
    public func products(
        of account: AccountID? = nil,
        cursor: String? = nil,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<(key: ProductKey, record: ProductRecord)> {
        guard let account else {
            return try page(of: products, cursor: cursor, limit: limit, in: transaction) {
                (key, record) in record.isDeleted ? nil : (key, record)
            }
        }
        return try page(
            of: accountProducts,
            prefix: account,
            cursor: cursor,
            limit: limit,
            in: transaction
        ) { (key, _) throws(StoreError) in
            try existing(key.second, in: transaction).map { (key.second, $0) }
        }
    }

    /// Rule B14; also of a deleted product, and `nil` if there never was one.
    public func figures(
        of product: ProductKey,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> ProductFigures? {
        guard let pool = try pools.get(product, in: transaction) else { return nil }
        return ProductFigures(
            assigned: pool.assigned,
            remaining: pool.remaining,
            consumed: pool.consumed,
            devicesKnown: pool.devicesKnown,
            devicesActive: pool.devicesActive
        )
    }

    /// The registered devices of a product by DeviceKey; with a `state`, those in it at `time`.
    public func devices(
        of product: ProductKey,
        state: DeviceState? = nil,
        at time: Timestamp,
        cursor: String? = nil,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<(device: DeviceKey, record: DeviceRecord)> {
        let isMeant = { (record: DeviceRecord) in
            record.isRegistered && (state == nil || record.state(at: time) == state)
        }
        let landed = try page(
            of: devices, prefix: product, cursor: cursor, limit: limit, in: transaction
        ) { (identity, record) in
            isMeant(record) ? (device: identity.device, record: record) : nil
        }
        let arriving = try arrivingPages(
            of: product, cursor: cursor, limit: limit, in: transaction, isMeant)
        return arriving.isEmpty
            ? landed : Page(merging: [landed] + arriving, of: product, limit: limit)
    }

    /// What would happen if the device, its credentials proven, connected now (rule B15).
    public func admission(
        of identity: DeviceIdentity,
        at time: Timestamp,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Decision {
        let decision = Admission.decide(
            identity,
            product: try products.get(identity.product, in: transaction),
            device: try device(identity, in: transaction)?.standing,
            at: time
        )
        if case .consume = decision, try pool(of: identity.product, in: transaction).remaining == 0
        {
            return .refuse(.noCodeLeft(identity.product))
        }
        return decision
    }

    /// Also a revoked key: ask `revokedAt`.
    public func key(
        _ id: KeyID,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> KeyRecord? {
        try keys.get(id, in: transaction)
    }

    /// By id; with an `account`, only its own.
    public func keys(
        of account: AccountID? = nil,
        cursor: String? = nil,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<(id: KeyID, record: KeyRecord)> {
        try page(of: keys, cursor: cursor, limit: limit, in: transaction) { id, record in
            account == nil || record.account == account ? (id, record) : nil
        }
    }

    /// The log from behind `sequence` on, at most `limit` events (rule E3).
    public func events(
        after sequence: UInt64,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [Event] {
        var found: [Event] = []
        try events.forEach(in: transaction, from: .excluding(sequence), limit: limit) { _, event in
            found.append(event)
            return .proceed
        }
        return found
    }

    /// Number of the newest event; 0 when there is none.
    public func lastSequence(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> UInt64 {
        try head(in: transaction).lastSequence
    }
}
