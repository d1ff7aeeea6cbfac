import Bytes
public import Storage
public import Time

extension Books {
    /// The registered devices of a product by DeviceKey; with a `state`, those in it at `time`:
    /// active ones by their expiry, from its index, disabled ones from theirs. For inactive ones all
    /// devices are walked, as time alone makes devices inactive. With a `match`, those that have such
    /// metadata, by DeviceKey and from its index, whatever the state.
    public func devices(
        of product: ProductKey,
        state: DeviceState? = nil,
        with match: MetadataMatch? = nil,
        at time: Timestamp,
        cursor: String? = nil,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<(device: DeviceKey, record: DeviceRecord)> {
        if let match {
            return try devices(
                of: product, with: match, in: state, at: time, cursor, limit, in: transaction)
        }
        return switch state {
        case .active:
            try activeDevices(of: product, at: time, cursor, limit, in: transaction)
        case .disabled:
            try page(
                of: disabled, prefix: product, reads: 2, cursor: cursor, limit: limit,
                in: transaction
            ) { (identity, _) throws(StoreError) in
                guard let record = try devices.get(identity, in: transaction),
                    record.isRegistered
                else { return nil }
                return (identity.device, record)
            }
        case .inactive, nil:
            try allDevices(of: product, in: state, at: time, cursor, limit, in: transaction)
        }
    }

    /// Those with that metadata, and in that state if one is named.
    private func devices(
        of product: ProductKey,
        with match: MetadataMatch,
        in state: DeviceState?,
        at time: Timestamp,
        _ cursor: String?,
        _ limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> DevicePage {
        try page(
            of: notedDevices, prefix: KeyPair(product, match.place), filter: state?.name ?? "",
            reads: 3, cursor: cursor, limit: limit, in: transaction
        ) { (place, _) throws(StoreError) in
            let identity = DeviceIdentity(product: product, device: place.third)
            guard match.isIn(try metadata(of: .device(identity), in: transaction)),
                let record = try device(identity, in: transaction), record.isRegistered,
                state == nil || record.state(at: time) == state
            else { return nil }
            return (place.third, record)
        }
    }

    /// The cursor with which `devices(of:state:at:cursor:limit:in:)`, asked for no state, goes on behind that device,
    /// whether or not there is one.
    public func cursor(behind device: DeviceIdentity) -> String {
        PageCursor.text(
            at: device, of: ListMark(devices.name, filter: "").within(device.product))
    }

    /// Those whose latest period ends after `time`.
    private func activeDevices(
        of product: ProductKey,
        at time: Timestamp,
        _ cursor: String?,
        _ limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<(device: DeviceKey, record: DeviceRecord)> {
        try page(
            of: expiries,
            prefix: product,
            from: .excluding(KeyTriple(product, time, .max)),
            filter: DeviceState.active.name,
            reads: 3,
            cursor: cursor,
            limit: limit,
            in: transaction
        ) { (key, expiry) throws(StoreError) in
            let place = KeyTriple(product, expiry.activatedAt, key.third)
            let device = try entry(at: place, in: transaction).device
            let identity = DeviceIdentity(product: product, device: device)
            guard let record = try self.device(identity, in: transaction), record.isRegistered,
                record.state(at: time) == .active, record.entitlement?.code.serial == key.third
            else { return nil }
            return (device, record)
        }
    }

    /// Those that have landed, and those that committed imports bring.
    private func allDevices(
        of product: ProductKey,
        in state: DeviceState?,
        at time: Timestamp,
        _ cursor: String?,
        _ limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> DevicePage {
        try allDevices(of: product, state?.name ?? "", cursor, limit, in: transaction) { record in
            record.isRegistered && (state == nil || record.state(at: time) == state)
        }
    }

    /// The blacklist of a product (rule B6): the devices that are excepted from its automatic renewal,
    /// deleted ones too, by DeviceKey. All devices are walked.
    public func blacklist(
        of product: ProductKey,
        cursor: String? = nil,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<(device: DeviceKey, record: DeviceRecord)> {
        try allDevices(of: product, "blacklist", cursor, limit, in: transaction) {
            $0.isExceptedFromRenewal
        }
    }

    /// - Parameter filter: what is meant, for the cursor.
    private func allDevices(
        of product: ProductKey,
        _ filter: String,
        _ cursor: String?,
        _ limit: Int,
        in transaction: borrowing some Transaction & ~Copyable,
        where isMeant: (DeviceRecord) -> Bool
    ) throws(StoreError) -> DevicePage {
        let landed: DevicePage = try page(
            of: devices, prefix: product, filter: filter, cursor: cursor, limit: limit,
            in: transaction
        ) { identity, record in
            isMeant(record) ? (identity.device, record) : nil
        }
        let list = ListMark(devices.name, filter: filter).within(product)
        let staged = try stagedPages(
            of: product, list, cursor: cursor, limit: limit, in: transaction, isMeant)
        guard !staged.isEmpty else { return landed }
        return try DevicePage(merging: [landed] + staged, list, of: product, limit: limit)
    }
}

/// Which products a question can mean, so that their own indexes are asked and not everybody's.
extension Books {
    /// The products that a filter can mean that says something about products or a device. `nil` when
    /// it says nothing, or when they are too many to be asked one by one: then the list of all is
    /// walked.
    func candidates(
        for filter: ActivationFilter,
        evenIfDeleted: Bool = false,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [(key: ProductKey, record: ProductRecord)]? {
        var keys: [ProductKey] = []
        if let products = filter.products {
            keys = Set(products).sorted()
        } else if let accounts = filter.accounts {
            for account in Set(accounts).sorted() where keys.count <= candidateMaximum {
                let room = candidateMaximum + 1 - keys.count
                try accountProducts.forEach(in: transaction, prefix: account, limit: room) {
                    key, _ in
                    keys.append(key.second)
                    return .proceed
                }
            }
            keys.sort()
        } else if filter.productName != nil || filter.device != nil {
            try products.forEach(in: transaction, limit: candidateMaximum + 1) { key, _ in
                keys.append(key)
                return .proceed
            }
        } else {
            return nil
        }
        if keys.count > candidateMaximum { return nil }
        var found: [(key: ProductKey, record: ProductRecord)] = []
        for key in keys {
            if let record = try products.get(key, in: transaction),
                evenIfDeleted || !record.isDeleted, filter.matches(key, record)
            {
                found.append((key, record))
            }
        }
        return found
    }

    /// Of products, for one page: what they cost, some three reads each, comes on top of the page's.
    private var candidateMaximum: Int { max(1, readsPerPage / 2) }
}

extension Books {
    /// Lends every sealed secret in the books, a product's with its name, a device's with its
    /// identity, a webhook's and a token key's with its id: for a check that they can be opened. Records that are damaged
    /// are passed over: `verify` names them.
    public func forEachSecret(
        in transaction: borrowing some Transaction & ~Copyable,
        product: (ProductKey, SealedSecret) -> Void,
        device: (DeviceIdentity, Span<UInt8>) -> Void,
        webhook: (WebhookID, SealedSecret) -> Void,
        tokenKey: (ProductKey, TokenKeyID, SealedSecret) -> Void
    ) throws(StoreError) {
        try tokenKeys.scan(in: transaction) { key, bytes in
            var (keyReader, reader) = (ByteReader(key), ByteReader(bytes))
            if let place = KeyPair<ProductKey, TokenKeyID>(decoding: &keyReader),
                let record = try? TokenKeyRecord(decoding: &reader),
                case .hs256(let secret) = record.key.material
            {
                tokenKey(place.first, place.second, secret)
            }
            return .proceed
        }
        try webhooks.scan(in: transaction) { key, bytes in
            var (keyReader, reader) = (ByteReader(key), ByteReader(bytes))
            if let key = WebhookID(decoding: &keyReader),
                let record = try? WebhookRecord(decoding: &reader)
            {
                webhook(key, record.secret)
                if let secret = record.formerSecret { webhook(key, secret) }
            }
            return .proceed
        }
        try products.scan(in: transaction) { key, bytes in
            var (keyReader, reader) = (ByteReader(key), ByteReader(bytes))
            if let key = ProductKey(decoding: &keyReader),
                let record = try? ProductRecord(decoding: &reader)
            {
                if let secret = record.secret { product(key, secret) }
                if let secret = record.previousSecret { product(key, secret) }
            }
            return .proceed
        }
        try devices.scan(in: transaction) { key, bytes in
            var reader = ByteReader(key)
            if let identity = DeviceIdentity(decoding: &reader),
                let view = try? DeviceView(decoding: bytes), !view.sealedSecret.isEmpty
            {
                device(identity, view.sealedSecret)
            }
            return .proceed
        }
    }
}
