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
        if let refusal = try refusal(of: quantity, package, in: transaction) {
            return .refused(refusal)
        }
        if let product,
            let refusal = try refusal(
                of: package, .purchase, for: product, in: transaction)
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
            try give(
                [
                    LotRecord(
                        first: first, quantity: quantity, package: package, at: command.at,
                        assignment: 0)
                ],
                source,
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

    /// Codes of `package`, and, when they are not enough, of those of the same allowance: to the
    /// product they are the same (rule A4). Each package that codes are taken of has an event.
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
        let own = try ownPackage(of: key, product, in: transaction)
        guard let package = named ?? own else { return .refused(.products(.hasNoPackage(key))) }
        if let refusal = try refusal(of: quantity, package, in: transaction) {
            return .refused(refusal)
        }
        let held = try consistent(with: package, of: product.account, in: transaction)
        let source = try source(of: held, quantity, product.account, in: transaction)
        if let refusal = try refusal(of: package, source, for: key, in: transaction) {
            return .refused(refusal)
        }
        let available = held.reduce(0) { $0 + $1.quantity }
        guard quantity <= available else {
            return .refused(.codes(.notEnoughUnassigned(wanted: quantity, available: available)))
        }
        var wanted = quantity
        var effect: Effect?
        for part in held where wanted > 0 {
            let taken = min(wanted, part.quantity)
            wanted -= taken
            let done = try assign(
                key, product.account, part.package, taken, source, command, in: transaction)
            effect = effect ?? done
        }
        return .done(effect ?? .unchanged)
    }

    /// What codes are taken of when nobody says: the product's package. Before it has one of its own, the
    /// account may have codes of one allowance only that would do.
    private func ownPackage(
        of key: ProductKey,
        _ product: ProductRecord,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> PackageID? {
        if let package = product.package, product.packageOrigin != .freeCodes { return package }
        let found = try assignable(to: key, in: transaction)
        let isClear = Set(found.map(\.allowance)).count == 1
        return isClear ? found.first?.package : product.package
    }

    /// Codes of one package, which the account has. `source` is that of all that are assigned at once.
    private func assign(
        _ key: ProductKey,
        _ account: AccountID,
        _ package: PackageID,
        _ quantity: UInt64,
        _ source: CodeSource,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Effect {
        var holding = try holding(of: account, package, in: transaction)
        let taken = try take(quantity, of: account, package, command, in: transaction)
        holding.assigned += quantity
        try holdings.put(KeyPair(account, package), holding, in: transaction)
        try give(taken, source, to: key, in: transaction)
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
        guard (1...Self.quantityMaximum).contains(quantity) else {
            return .commands(.quantityOutOfRange(maximum: Self.quantityMaximum))
        }
        guard try packages.contains(package, in: transaction) else {
            return .packages(.unknown(package))
        }
        return nil
    }

    /// What speaks against codes of `package` for the product (rule A4).
    private func refusal(
        of package: PackageID,
        _ source: CodeSource,
        for key: ProductKey,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Refusal? {
        guard let product = try products.get(key, in: transaction), let current = product.package,
            let given = try packages.get(package, in: transaction)?.allowance
        else { return nil }
        return product.takes(given, from: source)
            ? nil : .packages(.mismatch(product: current, given: package))
    }

    /// The account's unassigned codes of `package` and, behind them, those of packages of the same
    /// allowance.
    private func consistent(
        with package: PackageID,
        of account: AccountID,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [Assignable] {
        let all = try unassignedCodes(of: account, in: transaction)
        guard let allowance = try packages.get(package, in: transaction)?.allowance else {
            return []
        }
        return all.filter { $0.package == package }
            + all.filter { $0.package != package && $0.allowance == allowance }
    }

    /// Whether a bought code is among the first `quantity` that would be taken.
    private func source(
        of held: [Assignable],
        _ quantity: UInt64,
        _ account: AccountID,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> CodeSource {
        var wanted = quantity
        var source = CodeSource.grant
        for part in held {
            try unassigned.forEach(in: transaction, prefix: KeyPair(account, part.package)) {
                (key, range) throws(StoreError) in
                guard wanted > 0 else { return .stop }
                wanted -= min(wanted, range.quantity)
                let code = ActivationCode(serial: key.third)
                guard try purchase(of: code, in: transaction)?.record.source == .purchase else {
                    return .proceed
                }
                source = .purchase
                return .stop
            }
            if source == .purchase { break }
        }
        return source
    }

    /// Takes unassigned codes, the ones that came first first, for the assignment whose event comes
    /// next. They must be there.
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
        let sequence = try head(in: transaction).lastSequence + 1
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
                    at: command.at,
                    assignment: sequence
                )
            )
        }
        return lots
    }

    /// Adds lots to a product's pool, behind those it has. The first that are bought set its package,
    /// and free ones as long as there are no others (rule A4).
    private func give(
        _ fresh: [LotRecord],
        _ source: CodeSource,
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
        let isReplaced = product.packageOrigin == .freeCodes && source == .purchase
        guard product.package == nil || isReplaced, let package = fresh.first?.package else {
            return
        }
        product.package = package
        product.allowance = try packages.get(package, in: transaction)?.allowance
        switch source {
        case .purchase: product.packageOrigin = .codes
        case .grant: product.packageOrigin = .freeCodes
        }
        try products.put(key, product, in: transaction)
    }

    /// A code for a device, and how long it entitles if it is a free one (0 otherwise).
    typealias TakenCode = (code: ActivationCode, freeDays: UInt32)

    /// The next code of the pool, counted as consumed in `pool`, which the caller stores; `nil` when
    /// none is left. Those that came back go first.
    func takeCode(
        from pool: inout PoolRecord,
        of product: ProductKey,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> TakenCode? {
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
            pool.lotValidityDays = try validityDays(ofFree: lot, in: transaction)
        }
        let code = ActivationCode(serial: pool.nextSerial)
        pool.nextSerial += 1
        pool.lotRemaining -= 1
        pool.consumed += 1
        return (code, pool.lotValidityDays)
    }

    private func takeReturned(
        from pool: inout PoolRecord,
        of product: ProductKey,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> TakenCode {
        var serial: UInt64?
        try returned.forEach(in: transaction, prefix: product, limit: 1) { key, _ in
            serial = key.second
            return .stop
        }
        guard let serial else { throw .malformed(what: "pool of \(product) lacks a code") }
        try returned.delete(KeyPair(product, serial), in: transaction)
        pool.returned -= 1
        pool.consumed += 1
        let code = ActivationCode(serial: serial)
        guard let batch = try purchase(of: code, in: transaction)?.record else {
            throw .malformed(what: "code \(code) is of no batch")
        }
        let lot = LotRecord(
            first: code, quantity: 1, package: batch.package, at: batch.at, assignment: nil)
        return (code, try validityDays(ofFree: lot, in: transaction))
    }

    /// How long a free code of the lot entitles: as its own package says, whatever package the product
    /// has by then (rule A7). 0 for a bought one.
    func validityDays(
        ofFree lot: LotRecord,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> UInt32 {
        switch try purchase(of: lot.first, in: transaction)?.record.source {
        case .grant: try packages.get(lot.package, in: transaction)?.allowance.validityDays ?? 0
        case .purchase, nil: 0
        }
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

extension ProductRecord {
    /// Whether codes of that allowance may join the product's (rule A4).
    func takes(_ given: Allowance, from source: CodeSource) -> Bool {
        if allowance == nil || allowance == given { return true }
        return packageOrigin == .freeCodes && source == .purchase
    }
}
