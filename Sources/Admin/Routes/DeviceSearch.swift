import Gateway
import Ledger
import Time

/// Which devices of a product are meant.
struct DeviceSearch: Sendable {
    let state: DeviceState?
    let like: Search?

    /// Connected now, or not.
    let isOnline: Bool?
    let noted: MetadataMatch?

    /// What was listed before, and is left out.
    var listed: Listed?

    enum Listed: Sendable {
        case device(DeviceKey)
        case beginning(DeviceKey)
    }

    /// Whether the books list the devices of its state, or with its metadata: they are fewer than those of the product.
    fileprivate var hasIndex: Bool {
        if noted != nil { return true }
        return switch state {
        case .active, .disabled: true
        case .inactive, nil: false
        }
    }

    struct Found: Sendable {
        let identity: DeviceIdentity
        let record: DeviceRecord
        let metadata: Metadata
        let presence: DevicePresence

        /// As far as the gateway remembers.
        let refusal: ConnectionOutcome?
    }

    fileprivate func isInState(_ record: DeviceRecord, at time: Timestamp) -> Bool {
        state.map { record.state(at: time) == $0 } ?? true
    }

    fileprivate func finds(_ device: DeviceKey, _ record: DeviceRecord) -> Bool {
        guard like?.finds(device.text, record.name) ?? true else { return false }
        switch listed {
        case .device(let key): return device != key
        case .beginning(let key): return !device.text.hasPrefix(key.text)
        case nil: return true
        }
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
                    of: key, state: search.state, with: search.noted, at: now, cursor: from,
                    limit: room, in: $1)
            }
            cursor = page.cursor
            looks -= max(1, page.elements.count)
            found += try await meant(page.elements, of: key, search)
        } while cursor != nil && found.count < limit && looks > 0
        return (found, cursor)
    }

    /// Those devices that the search means; they are in its state.
    private func meant(
        _ devices: [(device: DeviceKey, record: DeviceRecord)], of key: ProductKey,
        _ search: DeviceSearch
    ) async throws -> [DeviceSearch.Found] {
        let named = devices.filter { search.finds($0.device, $0.record) }
        let meant = try noting(named.map { ($0.device, $0.record) }, of: key)
            .filter { search.noted?.isIn($0.metadata) ?? true }
        let presence = try await controlPlane.presence(of: meant.map(\.identity))
        let refusals = await controlPlane.refusals(of: meant.map(\.identity))
        var found: [DeviceSearch.Found] = []
        for (device, (seen, refusal)) in zip(meant, zip(presence, refusals))
        where search.isOnline == nil || seen.isOnline == search.isOnline {
            found.append(
                DeviceSearch.Found(
                    identity: device.identity, record: device.record,
                    metadata: device.metadata, presence: seen, refusal: refusal))
        }
        return found
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

/// Searches that begin where the answer is likely, in a product of millions of devices.
extension Call {
    /// How far a search for the beginning of a key has come.
    private enum Stage {
        /// Among the keys that begin with it; `nil`: right behind the device of that key.
        case beginning(String?)

        /// Among all others.
        case others(String?)

        init(_ cursor: String?) throws(Problem) {
            guard let cursor else {
                self = .beginning(nil)
                return
            }
            let rest = cursor.count > 2 ? String(cursor.dropFirst(2)) : nil
            switch cursor.prefix(2) {
            case "00": self = .beginning(rest)
            case "01": self = .others(rest)
            default: throw .unknownCursor
            }
        }

        var cursor: String {
            switch self {
            case .beginning(let rest): "00" + (rest ?? "")
            case .others(let rest): "01" + (rest ?? "")
            }
        }
    }

    /// First the device of that key, then those whose keys begin with it, by key; then all others that have it in their key
    /// or name, in the order of `devices(of:_:from:limit:)`. Those of a state with an index all come in that order.
    ///
    /// - Parameter beginning: the text of the search.
    func devices(
        of key: ProductKey,
        beginning: DeviceKey,
        _ search: DeviceSearch,
        from start: String?,
        limit: Int
    ) async throws -> (found: [DeviceSearch.Found], cursor: String?) {
        let now = controlPlane.now
        var found: [DeviceSearch.Found] = []
        var stage = try Stage(start)
        if start == nil {
            let identity = DeviceIdentity(product: key, device: beginning)
            let record = try read { try $0.device(identity, in: $1) }
            if let record, record.isRegistered, search.isInState(record, at: now) {
                found += try await meant([(beginning, record)], of: key, search)
            }
        }
        if start == nil, search.hasIndex { stage = .others(nil) }
        var looks = Search.looksMaximum
        while case .beginning(let cursor) = stage, found.count < limit, looks > 0 {
            let room = limit - found.count
            let page = try read { books, transaction in
                let identity = DeviceIdentity(product: key, device: beginning)
                return try books.devices(
                    of: key, at: now, cursor: cursor ?? books.cursor(behind: identity),
                    limit: room, in: transaction)
            }
            looks -= max(1, page.elements.count)
            let named = page.elements.prefix { $0.device.text.hasPrefix(beginning.text) }
            let inState = named.filter { search.isInState($0.record, at: now) }
            found += try await meant(inState, of: key, search)
            let isOver = named.count < page.elements.count || page.cursor == nil
            stage = isOver ? .others(nil) : .beginning(page.cursor)
        }
        guard case .others(let cursor) = stage, found.count < limit else {
            return (found, stage.cursor)
        }
        var others = search
        others.listed = search.hasIndex ? .device(beginning) : .beginning(beginning)
        let rest = try await devices(
            of: key, others, from: cursor, limit: limit - found.count)
        return (found + rest.found, rest.cursor.map { Stage.others($0).cursor })
    }

    /// How many parts of the connections one request looks at: a part that has looked at as much as it may can be empty.
    private static var connectionPartsMaximum: Int { 16 }

    /// Those that are connected, out of the connections and in no order; of a cluster, at the nodes that answer. Who comes
    /// or goes meanwhile may be missed.
    func connectedDevices(
        of key: ProductKey, _ search: DeviceSearch, from start: String?, limit: Int
    ) async throws -> (found: [DeviceSearch.Found], cursor: String?) {
        let now = controlPlane.now
        let nodes = try controlPlane.nodes()
        var place = try Routes.place(at: start, among: nodes)
        var found: [DeviceSearch.Found] = []
        var partsLeft = Self.connectionPartsMaximum
        while let from = place, found.count < limit, partsLeft > 0 {
            let part = await controlPlane.connections(
                from: from, of: key, limit: limit - found.count)
            let connected = (part?.elements ?? []).compactMap(\.device)
            var devices: [(device: DeviceKey, record: DeviceRecord)] = []
            try read { books, transaction in
                for identity in connected {
                    guard let record = try books.device(identity, in: transaction),
                        record.isRegistered, search.isInState(record, at: now)
                    else { continue }
                    devices.append((identity.device, record))
                }
            }
            found += try await meant(devices, of: key, search)
            place = part?.next ?? Routes.next(after: from, among: nodes)
            partsLeft -= 1
        }
        return (found, place.map { Routes.cursor(at: $0) })
    }
}
