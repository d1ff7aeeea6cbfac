public import Storage
public import Time

/// Rule B14, without who is online: the books don't know that.
public struct ProductFigures: Hashable, Sendable {
    public let assigned: UInt64
    public let remaining: UInt64
    public let consumed: UInt64
    public let devicesKnown: UInt64
    public let devicesActive: UInt64
}

/// What the books say. Every query works in the caller's transaction, so that several of them
/// together are one consistent view. Lists come in pages, see `Page`.
extension Books {
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

    /// All streams that products name.
    public func uplinkStreams(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Set<UplinkStream> {
        var streams: Set<UplinkStream> = []
        try products.forEach(in: transaction) { (_, product) throws(StoreError) in
            if !product.isDeleted, let stream = product.uplink { streams.insert(stream) }
            return .proceed
        }
        return streams
    }

    /// By product key, without deleted ones; with `accounts`, only theirs, by account first; with
    /// `keys`, only those. With a `home`, only those that are counted there (rule B13).
    public func products(
        of accounts: [AccountID]? = nil,
        among keys: [ProductKey]? = nil,
        at home: DataCentreID? = nil,
        with match: MetadataMatch? = nil,
        cursor: String? = nil,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<(key: ProductKey, record: ProductRecord)> {
        func isMeant(_ record: ProductRecord) -> Bool {
            !record.isDeleted && (home == nil || record.dataCentre == home)
        }
        if let match {
            return try products(
                with: match, of: accounts, filter: home?.text ?? "", cursor: cursor, limit: limit,
                in: transaction
            ) { key, record in isMeant(record) && keys?.contains(key) ?? true }
        }
        if let keys {
            return try products(
                listed: Set(keys).sorted(), filter: home?.text ?? "", cursor: cursor,
                limit: limit, in: transaction
            ) { record in
                isMeant(record) && accounts?.contains(record.account) ?? true
            }
        }
        guard let accounts else {
            return try page(
                of: products, filter: home?.text ?? "", cursor: cursor, limit: limit,
                in: transaction
            ) { (key, record) in isMeant(record) ? (key, record) : nil }
        }
        return try page(
            of: accountProducts,
            prefixes: accounts,
            filter: home?.text ?? "",
            reads: 2,
            cursor: cursor,
            limit: limit,
            in: transaction
        ) { (key, _) throws(StoreError) in
            guard let record = try products.get(key.second, in: transaction), isMeant(record)
            else { return nil }
            return (key.second, record)
        }
    }

    /// Account by account.
    private func products(
        with match: MetadataMatch,
        of accounts: [AccountID]?,
        filter: String,
        cursor: String?,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable,
        where isMeant: (ProductKey, ProductRecord) -> Bool
    ) throws(StoreError) -> Page<(key: ProductKey, record: ProductRecord)> {
        typealias Place = KeyTriple<MetadataPlace, AccountID, ProductKey>
        func found(
            _ place: Place, _: EmptyRecord
        ) throws(StoreError) -> (key: ProductKey, record: ProductRecord)? {
            guard match.isIn(try metadata(of: .product(place.third), in: transaction)),
                let record = try products.get(place.third, in: transaction),
                isMeant(place.third, record)
            else { return nil }
            return (place.third, record)
        }
        guard let accounts else {
            return try page(
                of: notedProducts, prefix: match.place, filter: filter, reads: 3, cursor: cursor,
                limit: limit, in: transaction, found)
        }
        return try page(
            of: notedProducts, prefixes: accounts.map { KeyPair(match.place, $0) },
            filter: filter, reads: 3, cursor: cursor, limit: limit, in: transaction, found)
    }

    private func products(
        listed keys: [ProductKey],
        filter: String,
        cursor: String?,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable,
        where isMeant: (ProductRecord) -> Bool
    ) throws(StoreError) -> Page<(key: ProductKey, record: ProductRecord)> {
        let keyText = ActivationFilter(products: keys).text
        let list = ListMark(products.name, filter: "\(keyText)|\(filter)")
        var builder = PageBuilder<ProductKey, (key: ProductKey, record: ProductRecord)>(
            list, limit: limit, reads: readsPerPage)
        var last: ProductKey?
        if let cursor { last = try PageCursor.key(at: cursor, of: list) as ProductKey }
        for key in keys where last.map({ $0 < key }) ?? true {
            guard builder.hasRoom() else { break }
            let record = try products.get(key, in: transaction)
            let isWanted = record.map(isMeant) ?? false
            builder.take(isWanted ? record.map { (key, $0) } : nil, at: key, reads: 1)
        }
        return builder.page
    }

    /// Calls `body` with the figures of all products that there are, in the order of their keys (rule B14).
    public func forEachFigures(
        in transaction: borrowing some Transaction & ~Copyable,
        _ body: (ProductKey, ProductFigures) throws(StoreError) -> Void
    ) throws(StoreError) {
        var keys: [ProductKey] = []
        try products.forEach(in: transaction) { key, _ in
            keys.append(key)
            return .proceed
        }
        for key in keys {
            if let figures = try figures(of: key, in: transaction) { try body(key, figures) }
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
            return .refuse(.codes(.noneLeft(identity.product)))
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

    /// By id; with `accounts`, only theirs, each account's together.
    public func keys(
        of accounts: [AccountID]? = nil,
        cursor: String? = nil,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<(id: KeyID, record: KeyRecord)> {
        guard let accounts else {
            return try page(of: keys, cursor: cursor, limit: limit, in: transaction) { ($0, $1) }
        }
        return try page(
            of: accountKeys, prefixes: accounts, reads: 2, cursor: cursor, limit: limit,
            in: transaction
        ) { (key, _) throws(StoreError) in
            try keys.get(key.second, in: transaction).map { (key.second, $0) }
        }
    }

    /// Number of the newest event; 0 when there is none.
    public func lastSequence(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> UInt64 {
        try head(in: transaction).lastSequence
    }
}

extension Books {
    /// What a client was answered to the command with that key (rule A8); `nil` when that was not
    /// written down.
    public func answer(
        to key: String,
        of actor: String,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [UInt8]? {
        try documents.get(KeyPair(actor, key), in: transaction)?.bytes
    }
}
