import Gateway
import Ledger

/// Which devices of a product are meant.
struct DeviceSearch: Sendable {
    let state: DeviceState?
    let like: Search?

    /// Connected now, or not.
    let isOnline: Bool?
    let noted: MetadataMatch?

    struct Found: Sendable {
        let identity: DeviceIdentity
        let record: DeviceRecord
        let metadata: Metadata
        let presence: DevicePresence

        /// As far as the gateway remembers.
        let refusal: ConnectionOutcome?
    }
}

extension Call {
    /// Looks on until there are as many as were asked for, or the request has looked at enough.
    func devices(
        of key: ProductKey,
        _ search: DeviceSearch,
        from start: String?,
        limit: Int
    ) async throws -> (found: [DeviceSearch.Found], cursor: String?) {
        let now = controlPlane.now
        var cursor = start
        var found: [DeviceSearch.Found] = []
        var looks = Search.looksMaximum
        repeat {
            let (from, room) = (cursor, limit - found.count)
            let page = try read {
                try $0.devices(
                    of: key, state: search.state, at: now, cursor: from, limit: room, in: $1)
            }
            cursor = page.cursor
            looks -= max(1, page.elements.count)
            let named = page.elements.filter { device, record in
                search.like?.finds(device.text, record.name) ?? true
            }
            let meant = try noting(named.map { ($0.device, $0.record) }, of: key)
                .filter { search.noted?.isIn($0.metadata) ?? true }
            let presence = try await controlPlane.presence(of: meant.map(\.identity))
            let refusals = await controlPlane.refusals(of: meant.map(\.identity))
            for (device, (seen, refusal)) in zip(meant, zip(presence, refusals))
            where search.isOnline == nil || seen.isOnline == search.isOnline {
                found.append(
                    DeviceSearch.Found(
                        identity: device.identity, record: device.record,
                        metadata: device.metadata, presence: seen, refusal: refusal))
            }
        } while cursor != nil && found.count < limit && looks > 0
        return (found, cursor)
    }

    /// The same devices with their metadata.
    private func noting(
        _ devices: [(DeviceKey, DeviceRecord)], of product: ProductKey
    ) throws -> [(identity: DeviceIdentity, record: DeviceRecord, metadata: Metadata)] {
        try read { books, transaction in
            try devices.map { device, record in
                let identity = DeviceIdentity(product: product, device: device)
                let metadata = try books.metadata(of: .device(identity), in: transaction)
                return (identity, record, metadata)
            }
        }
    }
}
