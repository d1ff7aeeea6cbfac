import Storage

/// Codes: bought, assigned, consumed (rules A2 to A4 and A9).
extension Books {
    func carryOut(
        _ action: CodeAction,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        switch action {
        case .purchase(let account, let package, let quantity, let product):
            try purchase(account, package, quantity, product, command, in: transaction)
        case .assign(let product, let package, let quantity):
            try assign(product, package, quantity, command, in: transaction)
        }
    }

    private func purchase(
        _ account: AccountID,
        _ package: PackageID,
        _ quantity: UInt64,
        _ product: ProductKey?,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard try accounts.contains(account, in: transaction) else {
            return .refused(.accounts(.unknown(account)))
        }
        if let product {
            guard let record = try existing(product, in: transaction) else {
                return .refused(.products(.unknown(product)))
            }
            if record.account != account {
                return .refused(.products(.ofAnotherAccount(product, account)))
            }
        }
        if let refusal = try refusal(of: quantity, package, for: product, in: transaction) {
            return .refused(refusal)
        }
        return .done(
            try enter(.purchase, account, package, quantity, product, command, in: transaction)
        )
    }

    /// Enters a batch of new codes. Free codes (rule A7) come in here as well, as a `grant`.
    func enter(
        _ source: CodeSource,
        _ account: AccountID,
        _ package: PackageID,
        _ quantity: UInt64,
        _ product: ProductKey?,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Effect {
        var head = try head(in: transaction)
        let first = ActivationCode(serial: head.nextSerial)
        let batch = BatchRecord(
            account: account,
            package: package,
            quantity: quantity,
            source: source,
            product: product,
            at: command.at,
            actor: command.actor,
            sequence: head.lastSequence + 1
        )
        head.nextSerial += quantity
        try books.put(Self.headKey, head, in: transaction)
        try batches.put(first.serial, batch, in: transaction)
        try purchases.put(KeyPair(account, first.serial), EmptyRecord(), in: transaction)

        var holding = try holding(of: account, package, in: transaction)
        switch source {
        case .purchase: holding.bought += quantity
        case .grant: holding.granted += quantity
        }
        if let product {
            holding.assigned += quantity
            try give(
                [LotRecord(first: first, quantity: quantity, package: package, at: command.at)],
                to: product,
                in: transaction
            )
        } else {
            try unassigned.put(
                KeyTriple(account, package, first.serial),
                RangeRecord(quantity: quantity),
                in: transaction
            )
        }
        try holdings.put(KeyPair(account, package), holding, in: transaction)
        let change: Change =
            switch source {
            case .purchase:
                .codes(
                    .bought(
                        account, package: package, quantity: quantity, product: product,
                        first: first)
                )
            case .grant:
                .codes(
                    .granted(
                        account, package: package, quantity: quantity, product: product,
                        first: first)
                )
            }
        return try record(change, command, in: transaction)
    }

    private func assign(
        _ key: ProductKey,
        _ package: PackageID,
        _ quantity: UInt64,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard let product = try existing(key, in: transaction) else {
            return .refused(.products(.unknown(key)))
        }
        if let refusal = try refusal(of: quantity, package, for: key, in: transaction) {
            return .refused(refusal)
        }
        var holding = try holding(of: product.account, package, in: transaction)
        guard quantity <= holding.unassigned else {
            return .refused(
                .codes(.notEnoughUnassigned(wanted: quantity, available: holding.unassigned))
            )
        }
        let taken = try take(quantity, of: product.account, package, command, in: transaction)
        holding.assigned += quantity
        try holdings.put(KeyPair(product.account, package), holding, in: transaction)
        try give(taken, to: key, in: transaction)
        let effect = try record(
            .codes(.assigned(product.account, product: key, package: package, quantity: quantity)),
            command,
            in: transaction
        )
        let sequence = try head(in: transaction).lastSequence
        try productAssignments.put(KeyPair(key, sequence), EmptyRecord(), in: transaction)
        try assignments.put(
            KeyPair(product.account, sequence),
            AssignmentRecord(
                product: key,
                package: package,
                quantity: quantity,
                at: command.at,
                actor: command.actor
            ),
            in: transaction
        )
        return .done(effect)
    }

    /// What speaks against adding that many codes of `package`, to the product if there is one.
    private func refusal(
        of quantity: UInt64,
        _ package: PackageID,
        for product: ProductKey?,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Refusal? {
        guard (1...Self.quantityMaximum).contains(quantity) else {
            return .commands(.quantityOutOfRange(maximum: Self.quantityMaximum))
        }
        guard try packages.contains(package, in: transaction) else {
            return .packages(.unknown(package))
        }
        if let product, let current = try products.get(product, in: transaction)?.package,
            current != package
        {
            return .packages(.mismatch(product: current, given: package))
        }
        return nil
    }

    /// Takes unassigned codes, the ones that came first first. They must be there.
    private func take(
        _ quantity: UInt64,
        of account: AccountID,
        _ package: PackageID,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> [LotRecord] {
        var ranges: [(first: UInt64, quantity: UInt64)] = []
        var found: UInt64 = 0
        try unassigned.forEach(in: transaction, prefix: KeyPair(account, package)) { key, range in
            ranges.append((key.third, range.quantity))
            found += range.quantity
            return found < quantity ? .proceed : .stop
        }
        guard found >= quantity else {
            throw .malformed(what: "fewer unassigned codes than counted")
        }
        var lots: [LotRecord] = []
        var wanted = quantity
        for range in ranges {
            let taken = min(wanted, range.quantity)
            wanted -= taken
            try unassigned.delete(KeyTriple(account, package, range.first), in: transaction)
            if taken < range.quantity {
                try unassigned.put(
                    KeyTriple(account, package, range.first + taken),
                    RangeRecord(quantity: range.quantity - taken),
                    in: transaction
                )
            }
            lots.append(
                LotRecord(
                    first: ActivationCode(serial: range.first),
                    quantity: taken,
                    package: package,
                    at: command.at
                )
            )
        }
        return lots
    }

    /// Adds lots to a product's pool, behind those it has; the first ever set its package (A4).
    private func give(
        _ fresh: [LotRecord],
        to key: ProductKey,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        var pool = try pool(of: key, in: transaction)
        for lot in fresh {
            pool.lots += 1
            pool.assigned += lot.quantity
            try lots.put(KeyPair(key, pool.lots), lot, in: transaction)
        }
        try pools.put(key, pool, in: transaction)
        guard var product = try products.get(key, in: transaction) else {
            throw .malformed(what: "pool of \(key) without a product")
        }
        let gained = fresh.reduce(0) { $0 + $1.quantity }
        try countCodes(of: product, gained: gained, in: transaction)
        guard product.package == nil, let package = fresh.first?.package else { return }
        product.package = package
        product.allowance = try packages.get(package, in: transaction)?.allowance
        try products.put(key, product, in: transaction)
    }

    /// The next code of the pool, counted as consumed in `pool`, which the caller stores; `nil` when
    /// none is left. Writes nothing itself.
    func takeCode(
        from pool: inout PoolRecord,
        of product: ProductKey,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> ActivationCode? {
        if pool.remaining == 0 { return nil }
        if pool.lotRemaining == 0 {
            guard let lot = try lots.get(KeyPair(product, pool.lot + 1), in: transaction) else {
                throw .malformed(what: "pool of \(product) lacks a lot")
            }
            pool.lot += 1
            pool.nextSerial = lot.first.serial
            pool.lotRemaining = lot.quantity
        }
        let code = ActivationCode(serial: pool.nextSerial)
        pool.nextSerial += 1
        pool.lotRemaining -= 1
        pool.consumed += 1
        return code
    }

    func holding(
        of account: AccountID,
        _ package: PackageID,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> HoldingRecord {
        try holdings.get(KeyPair(account, package), in: transaction)
            ?? HoldingRecord(bought: 0, granted: 0, assigned: 0)
    }
}

/// Rule A7: codes that are given, not bought.
extension Books {
    /// What a package is called that the first free codes make.
    static var freePackageName: String { "Free codes" }

    /// Gives free codes to an account, or to the product straight away; none when `quantity` is 0.
    func grant(
        _ quantity: UInt64,
        on terms: FreeCodeTerms,
        to account: AccountID,
        product: ProductKey? = nil,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        guard quantity > 0 else { return }
        if try !packages.contains(terms.package, in: transaction) {
            let record = PackageRecord(
                name: Self.freePackageName,
                allowance: terms.allowance,
                createdAt: command.at
            )
            try packages.put(terms.package, record, in: transaction)
            _ = try self.record(
                .packages(.created(terms.package, terms.allowance)),
                command,
                in: transaction
            )
        }
        _ = try enter(.grant, account, terms.package, quantity, product, command, in: transaction)
    }
}

/// Codes of all products of an account together (rules A1 and B13).
extension Books {
    /// Codes came to the product, were consumed by it, or are lost with it. No record means none.
    func countCodes(
        of product: ProductRecord,
        gained: UInt64 = 0,
        used: UInt64 = 0,
        lost: UInt64 = 0,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        let place = KeyPair(product.account, product.dataCentre)
        var total = try accountTotals.get(place, in: transaction) ?? AccountTotalRecord()
        guard total.remaining + gained >= used + lost else {
            throw .malformed(what: "account \(product.account) with fewer codes than its products")
        }
        total.remaining = total.remaining + gained - used - lost
        total.used += used
        if total == AccountTotalRecord() {
            try accountTotals.delete(place, in: transaction)
        } else {
            try accountTotals.put(place, total, in: transaction)
        }
    }
}
