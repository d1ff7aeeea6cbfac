public import Storage
public import Time

extension Books {
    /// The registered devices of a product by DeviceKey; with a `state`, those in it at `time`:
    /// active ones by their expiry, from its index, disabled ones from theirs. For inactive ones all
    /// devices are walked, as time alone makes devices inactive.
    public func devices(
        of product: ProductKey,
        state: DeviceState? = nil,
        at time: Timestamp,
        cursor: String? = nil,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<(device: DeviceKey, record: DeviceRecord)> {
        switch state {
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
        let isMeant = { (record: DeviceRecord) in
            record.isRegistered && (state == nil || record.state(at: time) == state)
        }
        let filter = state?.name ?? ""
        let landed: DevicePage = try page(
            of: devices, prefix: product, filter: filter, cursor: cursor, limit: limit,
            in: transaction
        ) { identity, record in
            isMeant(record) ? (identity.device, record) : nil
        }
        let list = ListMark(devices.name, filter: filter).within(product)
        let arriving = try arrivingPages(
            of: product, list, cursor: cursor, limit: limit, in: transaction, isMeant)
        guard !arriving.isEmpty else { return landed }
        return try DevicePage(merging: [landed] + arriving, list, of: product, limit: limit)
    }
}
