public import Storage
import Time

extension Books {
    /// `nil` when the product has no import of that number.
    public func importView(
        _ number: UInt64,
        of product: ProductKey,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> ImportView? {
        try imports.get(KeyPair(product, number), in: transaction)
            .map { ImportView(number: number, record: $0) }
    }

    /// The product's imports in chunks, newest first.
    public func imports(
        of product: ProductKey,
        cursor: String? = nil,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<ImportView> {
        try page(
            of: imports,
            prefix: product,
            reversed: true,
            cursor: cursor,
            limit: limit,
            in: transaction
        ) { ImportView(number: $0.second, record: $1) }
    }

    /// Whether rows of committed or abandoned imports wait to be moved.
    public func hasArrivalsToMove(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Bool {
        try liveImports(in: transaction).contains { $0.record.state != .receiving }
    }

    /// Pages of the devices that committed imports of the product bring and that have not landed yet,
    /// as pages of its devices: one for each import.
    func arrivingPages(
        of product: ProductKey,
        cursor: String?,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable,
        _ isMeant: (DeviceRecord) -> Bool
    ) throws(StoreError) -> [Page<(device: DeviceKey, record: DeviceRecord)>] {
        guard let pool = try pools.get(product, in: transaction), pool.imports > 0 else {
            return []
        }
        let start = cursor.flatMap { PageBuilder<DeviceIdentity, Never>.key(at: $0)?.device }
        var pages: [Page<(device: DeviceKey, record: DeviceRecord)>] = []
        for (name, record) in try liveImports(of: product, in: transaction)
        where record.state == .landing {
            var builder = PageBuilder<DeviceIdentity, (device: DeviceKey, record: DeviceRecord)>(
                limit: limit)
            try arrivals.forEach(
                in: transaction,
                prefix: name.second,
                from: start.map { .excluding(KeyPair(name.second, $0)) } ?? .unbounded
            ) { (place, arrival) throws(StoreError) in
                let identity = DeviceIdentity(product: product, device: place.second)
                let old = try devices.get(identity, in: transaction)
                let new = arrival.record(registeredAt: record.changedAt, after: old)
                return builder.take(isMeant(new) ? (place.second, new) : nil, at: identity)
            }
            pages.append(builder.page)
        }
        return pages
    }
}

extension Page where Element == (device: DeviceKey, record: DeviceRecord) {
    /// One page of what several hold, by DeviceKey: no device is in two of them. Each page may end
    /// before its list does; what is behind the nearest such end is left to the next page.
    init(merging pages: [Self], of product: ProductKey, limit: Int) {
        // Cursors are keys in hexadecimal: they order as the keys do.
        let end = pages.compactMap(\.cursor).min()
        let all = pages.flatMap(\.elements)
            .map { element in
                let identity = DeviceIdentity(product: product, device: element.device)
                return (
                    cursor: PageBuilder<DeviceIdentity, Never>.cursor(at: identity),
                    element: element
                )
            }
            .filter { entry in end.map { entry.cursor <= $0 } ?? true }
            .sorted { $0.cursor < $1.cursor }
        self.init(
            elements: all.prefix(limit).map(\.element),
            cursor: all.count > limit ? all[limit - 1].cursor : end
        )
    }
}
