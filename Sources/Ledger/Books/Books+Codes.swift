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
        var record: ProductRecord?
        if let product {
            record = try existing(product, in: transaction)
            guard let record else { return .refused(.products(.unknown(product))) }
            if record.account != account {
                return .refused(.products(.ofAnotherAccount(product, account)))
            }
        }
        if let refusal = try refusal(of: quantity, package, in: transaction) {
            return .refused(refusal)
        }
        if let record,
            let refusal = try refusal(ofBought: package, for: record, in: transaction)
        {
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
            let lot = LotRecord(
                first: first, quantity: quantity, package: package, at: command.at, assignment: 0)
            try give([(lot, source)], to: product, in: transaction)
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

    /// Codes of the package that is named, and, when they are not enough, of those of the same
    /// allowance: to the product they are the same (rule A4). Each package that codes are taken of has an
    /// event.
    private func assign(
        _ key: ProductKey,
        _ named: PackageID?,
        _ quantity: UInt64,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard let product = try existing(key, in: transaction) else {
            return .refused(.products(.unknown(key)))
        }
        let assignable = try assignable(to: product, in: transaction)
        let chosen: [Assignable]
        if let named {
            if let refusal = try refusal(of: quantity, named, in: transaction) {
                return .refused(refusal)
            }
            chosen = try assignable.consistent(with: named, allowance(of: named, in: transaction))
            if chosen.isEmpty, let current = product.package,
                try !takesAny(of: named, product, in: transaction)
            {
                return .refused(.packages(.mismatch(product: current, given: named)))
            }
        } else {
            if let refusal = Self.refusal(of: quantity) { return .refused(refusal) }
            chosen = assignable.forOneProduct(first: product.package)
            if chosen.isEmpty, product.package == nil {
                return .refused(.products(.hasNoPackage(key)))
            }
        }
        let available = chosen.reduce(0) { $0 + $1.quantity }
        guard quantity <= available else {
            return .refused(.codes(.notEnoughUnassigned(wanted: quantity, available: available)))
        }
        var wanted = quantity
        var effect: Effect?
        for part in chosen where wanted > 0 {
            let taken = min(wanted, part.quantity)
            wanted -= taken
            let done = try assign(key, product.account, part, taken, command, in: transaction)
            effect = effect ?? done
        }
        return .done(effect ?? .unchanged)
    }

    /// Codes of one package, which the account has.
    private func assign(
        _ key: ProductKey,
        _ account: AccountID,
        _ part: Assignable,
        _ quantity: UInt64,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Effect {
        let package = part.package
        var holding = try holding(of: account, package, in: transaction)
        let taken = try take(quantity, of: part, account, command, in: transaction)
        holding.assigned += quantity
        try holdings.put(KeyPair(account, package), holding, in: transaction)
        try give(taken, to: key, in: transaction)
        let effect = try record(
            .codes(.assigned(account, product: key, package: package, quantity: quantity)),
            command,
            in: transaction
        )
        let sequence = try head(in: transaction).lastSequence
        try productAssignments.put(KeyPair(key, sequence), EmptyRecord(), in: transaction)
        try assignments.put(
            KeyPair(account, sequence),
            AssignmentRecord(
                product: key,
                package: package,
                quantity: quantity,
                at: command.at,
                actor: command.actor
            ),
            in: transaction
        )
        return effect
    }

    /// What speaks against that many codes of `package`, for whatever product.
    private func refusal(
        of quantity: UInt64,
        _ package: PackageID,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Refusal? {
        if let refusal = Self.refusal(of: quantity) { return refusal }
        guard try packages.contains(package, in: transaction) else {
            return .packages(.unknown(package))
        }
        return nil
    }

    private static func refusal(of quantity: UInt64) -> Refusal? {
        (1...quantityMaximum).contains(quantity)
            ? nil : .commands(.quantityOutOfRange(maximum: quantityMaximum))
    }

    /// What speaks against bought codes of `package` for the product (rule A4).
    private func refusal(
        ofBought package: PackageID,
        for product: ProductRecord,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Refusal? {
        guard let current = product.package else { return nil }
        let given = try allowance(of: package, in: transaction)
        return product.takesBought(given)
            ? nil : .packages(.mismatch(product: current, given: package))
    }

    /// Whether the product would take codes of the package, if the account had any.
    private func takesAny(
        of package: PackageID,
        _ product: ProductRecord,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Bool {
        let given = try allowance(of: package, in: transaction)
        let held = try unassignedCodes(of: product.account, in: transaction)
        // There are some, and none of them may join.
        if held.contains(where: { $0.allowance == given }) { return false }
        if product.takesBought(given) { return true }
        if product.freePackage == nil { return false }
        return try takesFree(given, product, in: transaction)
    }

    /// A lot that comes to a product, and how the account got it.
    private typealias FreshLot = (lot: LotRecord, source: CodeSource)

    /// Takes unassigned codes of the kinds that may be assigned, the ones that came first first, for the
    /// assignment whose event comes next. They must be there.
    private func take(
        _ quantity: UInt64,
        of part: Assignable,
        _ account: AccountID,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> [FreshLot] {
        let package = part.package
        var ranges: [UnassignedRange] = []
        var found: UInt64 = 0
        try forEachUnassigned(of: account, package, in: transaction) { range in
            let isMeant =
                switch range.source {
                case .purchase: part.bought > 0
                case .grant: part.free > 0
                }
            guard isMeant else { return .proceed }
            ranges.append(range)
            found += range.quantity
            return found < quantity ? .proceed : .stop
        }
        guard found >= quantity else {
            throw .malformed(what: "fewer unassigned codes than counted")
        }
        let sequence = try head(in: transaction).lastSequence + 1
        var fresh: [FreshLot] = []
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
            let lot = LotRecord(
                first: ActivationCode(serial: range.first),
                quantity: taken,
                package: package,
                at: command.at,
                assignment: sequence
            )
            fresh.append((lot, range.source))
        }
        return fresh
    }

    /// Adds lots to a product's pool, behind those it has.
    private func give(
        _ fresh: [FreshLot],
        to key: ProductKey,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        var pool = try pool(of: key, in: transaction)
        for (lot, _) in fresh {
            pool.lots += 1
            pool.assigned += lot.quantity
            try lots.put(KeyPair(key, pool.lots), lot, in: transaction)
        }
        try pools.put(key, pool, in: transaction)
        guard let product = try products.get(key, in: transaction) else {
            throw .malformed(what: "pool of \(key) without a product")
        }
        let gained = fresh.reduce(0) { $0 + $1.lot.quantity }
        try countCodes(of: product, gained: gained, in: transaction)
        var new = product
        for (lot, source) in fresh {
            try new.receive(
                lot.package, allowance(of: lot.package, in: transaction), from: source)
        }
        if new != product { try products.put(key, new, in: transaction) }
    }

    /// The next code of the pool, counted as consumed in `pool`, which the caller stores; `nil` when
    /// none is left. Those that came back go first.
    func takeCode(
        from pool: inout PoolRecord,
        of product: ProductKey,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> ActivationCode? {
        if pool.remaining == 0 { return nil }
        if pool.returned > 0 {
            return try takeReturned(from: &pool, of: product, in: transaction)
        }
        // A correction may have left nothing of a lot.
        while pool.lotRemaining == 0 {
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

    private func takeReturned(
        from pool: inout PoolRecord,
        of product: ProductKey,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> ActivationCode {
        var serial: UInt64?
        try returned.forEach(in: transaction, prefix: product, limit: 1) { key, _ in
            serial = key.second
            return .stop
        }
        guard let serial else { throw .malformed(what: "pool of \(product) lacks a code") }
        try returned.delete(KeyPair(product, serial), in: transaction)
        pool.returned -= 1
        pool.consumed += 1
        return ActivationCode(serial: serial)
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
    /// Codes came to the product, were consumed by it, are lost with it, or were not consumed after
    /// all. No record means none.
    func countCodes(
        of product: ProductRecord,
        gained: UInt64 = 0,
        used: UInt64 = 0,
        lost: UInt64 = 0,
        returned: UInt64 = 0,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        let place = KeyPair(product.account, product.dataCentre)
        var total = try accountTotals.get(place, in: transaction) ?? AccountTotalRecord()
        guard total.remaining + gained >= used + lost, total.used >= returned else {
            throw .malformed(what: "account \(product.account) with fewer codes than its products")
        }
        total.remaining = total.remaining + gained + returned - used - lost
        total.used = total.used + used - returned
        if total == AccountTotalRecord() {
            try accountTotals.delete(place, in: transaction)
        } else {
            try accountTotals.put(place, total, in: transaction)
        }
    }
}
