import Storage
import Time

/// Imports in chunks: a file of any size comes in, all of it or nothing, while devices connect.
///
/// Rows wait in `stagedDevices`, under the number of their import, where no query sees them. The commit is a
/// small change, whatever the size: the import's state makes its rows valid, the product's figures
/// count them, and a device that is not in `devices` is looked up among them (`device(_:in:)`). `move` brings them there in steps.
///
/// So that the commit needs not look at any row, each is checked when it comes, and every device that
/// comes into the books afterwards is looked up in the imports that are being received
/// (`settleStagedDevices`): the first that has it can't be committed any more.
extension Books {
    func carryOut(
        _ action: ImportAction,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        switch action {
        case .atOnce(let product, let rows):
            try importAtOnce(rows, of: product, command, in: transaction)
        case .begin(let product, let key, let run):
            try beginImport(of: product, key, run, command, in: transaction)
        case .stage(let product, let number, let after, let rows):
            try stage(rows, after: after, KeyPair(product, number), command, in: transaction)
        case .commit(let product, let number, let rows, _):
            try commitImport(KeyPair(product, number), rows, command, in: transaction)
        case .abandon(let product, let number):
            try abandonImport(KeyPair(product, number), command, in: transaction)
        case .abandonOthers(let run):
            try abandonImports(leftBefore: run, command, in: transaction)
        case .move(let limit):
            try moveStagedDevices(Int(limit), in: transaction)
        }
    }

    /// All rows, or none and the number of the first bad one.
    private func importAtOnce(
        _ rows: [DeviceImport],
        of key: ProductKey,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard let product = try existing(key, in: transaction) else {
            return .refused(.products(.unknown(key)))
        }
        guard rows.count <= Self.importMaximumRows else {
            return .refused(.imports(.tooLarge(maximumRows: UInt32(Self.importMaximumRows))))
        }
        if rows.isEmpty { return .done(.unchanged) }
        var seen: Set<DeviceKey> = []
        for (index, row) in rows.enumerated() {
            if let fault = try fault(of: row, for: key, seen: &seen, in: transaction) {
                return .refused(
                    .imports(.row(row: UInt32(index + 1), device: row.device, fault: fault))
                )
            }
        }
        if let refusal = try refusal(
            ofDevices: UInt64(rows.count), of: key, product, in: transaction)
        {
            return .refused(refusal)
        }
        var pool = try pool(of: key, in: transaction)
        for row in rows {
            let identity = DeviceIdentity(product: key, device: row.device)
            let old = try device(identity, in: transaction)
            let new = DeviceRecord(secret: row.secret, name: row.name, registeredAt: command.at)
                .keepingEntitlement(of: old)
            try replace(old, with: new, of: identity, pool: &pool, in: transaction)
        }
        try pools.put(key, pool, in: transaction)
        return .done(
            try record(
                .imports(.imported(key, count: UInt32(rows.count), import: nil)),
                command,
                in: transaction
            )
        )
    }

    private func fault(
        of row: DeviceImport,
        for product: ProductKey,
        seen: inout Set<DeviceKey>,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> ImportFault? {
        if row.name.utf8.count > Self.nameMaximumLength { return .nameTooLong }
        if !seen.insert(row.device).inserted { return .repeatedRow }
        let identity = DeviceIdentity(product: product, device: row.device)
        return try device(identity, in: transaction)?.isRegistered == true ? .exists : nil
    }

    private func beginImport(
        of product: ProductKey,
        _ key: String?,
        _ run: GatewayRun,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        if let key {
            guard Command.isValid(idempotencyKey: key) else {
                return .refused(.commands(.idempotencyKeyInvalid))
            }
            // Before all else: whatever has become of the product, the first answer holds.
            if try answers.contains(KeyPair(command.actor, key), in: transaction) {
                return .done(.importKnown)
            }
        }
        guard try existing(product, in: transaction) != nil else {
            return .refused(.products(.unknown(product)))
        }
        let left = try liveImports(of: product, in: transaction).filter { _, record in
            let hasReturned =
                key != nil && record.idempotencyKey == key && record.actor == command.actor
            return record.state == .receiving && (record.run.isAnother(than: run) || hasReturned)
        }
        let underWay = try pool(of: product, in: transaction).imports
        guard Int(underWay) - left.count < Int(Self.importsOfProductMaximum) else {
            return .refused(.imports(.tooManyUnderWay(maximum: Self.importsOfProductMaximum)))
        }
        guard try importing.count(in: transaction) < Int(Self.importsMaximum) else {
            return .refused(.imports(.tooManyUnderWay(maximum: Self.importsMaximum)))
        }
        for (name, record) in left { try abandon(name, record, command, in: transaction) }
        _ = try record(.imports(.begun(product)), command, in: transaction)
        let number = try head(in: transaction).lastSequence
        let name = KeyPair(product, number)
        let new = ImportRecord(
            actor: command.actor, idempotencyKey: key, run: run, at: command.at)
        try imports.put(name, new, in: transaction)
        try importing.put(name, EmptyRecord(), in: transaction)
        try countImports(of: product, by: 1, in: transaction)
        return .done(.importBegun(number))
    }

    /// All rows of the chunk, or none and the line of the first bad one.
    private func stage(
        _ rows: [ImportLine],
        after: UInt64,
        _ name: KeyPair<ProductKey, UInt64>,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard try existing(name.first, in: transaction) != nil else {
            return .refused(.products(.unknown(name.first)))
        }
        guard var record = try imports.get(name, in: transaction) else {
            return .refused(.imports(.unknown(name.first, name.second)))
        }
        if let refusal = Self.refusal(toGoOn: record, name.second, after: after) {
            return .refused(refusal)
        }
        guard rows.count <= Self.importMaximumRows else {
            return .refused(.imports(.tooLarge(maximumRows: UInt32(Self.importMaximumRows))))
        }
        guard after + UInt64(rows.count) <= Self.importMaximumTotal else {
            return .refused(.imports(.tooLarge(maximumRows: UInt32(Self.importMaximumTotal))))
        }
        let live = try liveImports(of: name.first, in: transaction)
        var seen: Set<DeviceKey> = []
        var returning: UInt64 = 0
        for row in rows {
            let device = row.device.device
            let identity = DeviceIdentity(product: name.first, device: device)
            let old = try standing(of: identity, in: transaction)
            if let fault = try fault(of: row, name, old, live, seen: &seen, in: transaction) {
                return .refused(.imports(.line(line: row.line, device: device, fault: fault)))
            }
            if old?.isOpen == true { returning += 1 }
        }
        for row in rows {
            try stagedDevices.put(
                KeyPair(name.second, row.device.device), StagedDeviceRecord(row), in: transaction)
        }
        record.rows += UInt64(rows.count)
        record.returning += returning
        record.changedAt = command.at
        try imports.put(name, record, in: transaction)
        return .done(.staged(rows: record.rows))
    }

    /// Why an import that has come so far can't go on.
    private static func refusal(
        toGoOn record: ImportRecord,
        _ number: UInt64,
        after: UInt64
    ) -> Refusal? {
        guard record.state == .receiving else { return .imports(.notReceiving(number)) }
        if let conflict = record.conflict {
            return .imports(.line(line: conflict.line, device: conflict.device, fault: .exists))
        }
        return after == record.rows ? nil : .imports(.outOfStep(number, staged: record.rows))
    }

    private func standing(
        of identity: DeviceIdentity,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Standing? {
        try devices.withRecord(identity, in: transaction) { (bytes) throws(StoreError) in
            try DeviceView(stored: bytes).standing
        }
    }

    private func fault(
        of row: ImportLine,
        _ name: KeyPair<ProductKey, UInt64>,
        _ old: Standing?,
        _ live: [LiveImport],
        seen: inout Set<DeviceKey>,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> ImportFault? {
        if row.device.name.utf8.count > Self.nameMaximumLength { return .nameTooLong }
        if old?.isRegistered == true { return .exists }
        let device = row.device.device
        if !seen.insert(device).inserted { return .repeatedRow }
        for (other, record) in live where record.state != .abandoned {
            guard try stagedDevices.contains(KeyPair(other.second, device), in: transaction) else {
                continue
            }
            if other == name { return .repeatedRow }
            return record.state == .landing ? .exists : .arriving
        }
        return nil
    }

    private func commitImport(
        _ name: KeyPair<ProductKey, UInt64>,
        _ rows: UInt64,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard let product = try existing(name.first, in: transaction) else {
            return .refused(.products(.unknown(name.first)))
        }
        guard var record = try imports.get(name, in: transaction) else {
            return .refused(.imports(.unknown(name.first, name.second)))
        }
        if let refusal = Self.refusal(toGoOn: record, name.second, after: rows) {
            return .refused(refusal)
        }
        if let refusal = try refusal(
            ofDevices: record.rows, of: name.first, product, in: transaction)
        {
            return .refused(refusal)
        }
        record.state = .landing
        record.changedAt = command.at
        try imports.put(name, record, in: transaction)
        var pool = try pool(of: name.first, in: transaction)
        pool.devicesKnown += record.rows
        pool.devicesActive += record.returning
        try pools.put(name.first, pool, in: transaction)
        let change = Change.imports(
            .imported(name.first, count: UInt32(record.rows), import: name.second)
        )
        return .done(try self.record(change, command, in: transaction))
    }

    private func abandonImport(
        _ name: KeyPair<ProductKey, UInt64>,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard let record = try imports.get(name, in: transaction) else {
            return .refused(.imports(.unknown(name.first, name.second)))
        }
        switch record.state {
        case .receiving:
            return .done(try abandon(name, record, command, in: transaction))
        case .abandoned: return .done(.unchanged)
        case .landing, .done: return .refused(.imports(.notReceiving(name.second)))
        }
    }

    private func abandonImports(
        leftBefore run: GatewayRun,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        let count = try abandonImports(command, in: transaction) { $0.isAnother(than: run) }
        return .done(count == 0 ? .unchanged : .ended(count: count, more: false))
    }

    /// Those that runs were receiving of which nothing will come any more. Answers how many.
    func abandonImports(
        _ command: Command,
        in transaction: borrowing WriteTransaction,
        of isOver: (GatewayRun) -> Bool
    ) throws(StoreError) -> UInt32 {
        var count: UInt32 = 0
        for (name, record) in try liveImports(in: transaction)
        where record.state == .receiving && isOver(record.run) {
            try abandon(name, record, command, in: transaction)
            count += 1
        }
        return count
    }

    @discardableResult
    private func abandon(
        _ name: KeyPair<ProductKey, UInt64>,
        _ record: ImportRecord,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Effect {
        var new = record
        new.state = .abandoned
        new.changedAt = command.at
        try imports.put(name, new, in: transaction)
        if new.waiting == 0 { try importing.delete(name, in: transaction) }
        try countImports(of: name.first, by: -1, in: transaction)
        return try self.record(
            .imports(.abandoned(name.first, import: name.second)), command, in: transaction)
    }
}
