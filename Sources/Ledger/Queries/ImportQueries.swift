public import Storage
import Time

/// An import in chunks as it is listed.
public struct ImportView: Hashable, Sendable {
    /// Of the event that began it.
    public let number: UInt64
    public let record: ImportRecord
}

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
    public func hasStagedDevicesToMove(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Bool {
        try liveImports(in: transaction).contains { $0.record.state != .receiving }
    }

    /// Pages of the devices that committed imports of the product bring and that have not landed yet,
    /// as pages of `list`, that of its devices: one for each import.
    func stagedPages(
        of product: ProductKey,
        _ list: ListMark,
        cursor: String?,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable,
        _ isMeant: (DeviceRecord) -> Bool
    ) throws(StoreError) -> [DevicePage] {
        guard let pool = try pools.get(product, in: transaction), pool.imports > 0 else {
            return []
        }
        var start: DeviceIdentity?
        if let cursor { start = try PageCursor.key(at: cursor, of: list) }
        var pages: [DevicePage] = []
        for (name, record) in try liveImports(of: product, in: transaction)
        where record.state == .landing {
            var builder = PageBuilder<DeviceIdentity, DevicePage.Device>(
                list, limit: limit, reads: readsPerPage)
            try stagedDevices.forEach(
                in: transaction,
                prefix: name.second,
                from: start.map { .excluding(KeyPair(name.second, $0.device)) } ?? .unbounded
            ) { (place, staged) throws(StoreError) in
                guard builder.hasRoom() else { return .stop }
                let identity = DeviceIdentity(product: product, device: place.second)
                let old = try devices.get(identity, in: transaction)
                let new = staged.record(registeredAt: record.changedAt, after: old)
                builder.take(isMeant(new) ? (place.second, new) : nil, at: identity, reads: 2)
                return .proceed
            }
            pages.append(builder.page)
        }
        return pages
    }
}

typealias DevicePage = Page<(device: DeviceKey, record: DeviceRecord)>

extension DevicePage {
    typealias Device = (device: DeviceKey, record: DeviceRecord)

    /// One page of what several hold, by DeviceKey: no device is in two of them. Each page may end
    /// before its list does; what is behind the nearest such end is left to the next page.
    init(
        merging pages: [Self],
        _ list: ListMark,
        of product: ProductKey,
        limit: Int
    ) throws(StoreError) {
        var end: DeviceKey?
        for page in pages {
            guard let cursor = page.cursor else { continue }
            let key = try (PageCursor.key(at: cursor, of: list) as DeviceIdentity).device
            end = end.map { min($0, key) } ?? key
        }
        let all = pages.flatMap(\.elements)
            .filter { element in end.map { element.device <= $0 } ?? true }
            .sorted { $0.device < $1.device }
        let elements = Array(all.prefix(limit))
        if all.count > limit { end = elements.last?.device }
        self.init(
            elements: elements,
            cursor: end.map { device in
                let identity = DeviceIdentity(product: product, device: device)
                return PageCursor.text(at: identity, of: list)
            }
        )
    }
}
