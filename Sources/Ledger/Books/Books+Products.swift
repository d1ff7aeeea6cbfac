import Storage

extension Books {
    func carryOut(
        _ action: ProductAction,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        switch action {
        case .create(let product): try createProduct(product, command, in: transaction)
        case .update(let key, let update): try updateProduct(key, update, command, in: transaction)
        case .upgradePackage(let key, let package):
            try upgradePackage(key, package, command, in: transaction)
        case .delete(let key): try deleteProduct(key, command, in: transaction)
        case .nameUplink(let key, let stream):
            try nameUplink(key, stream, command, in: transaction)
        case .setDialect(let key, let dialect):
            try setDialect(key, dialect, command, in: transaction)
        case .setLimits(let key, let limits):
            try setLimits(key, limits, command, in: transaction)
        case .addTokenKey(let product, let key):
            try addTokenKey(key, to: product, command, in: transaction)
        case .removeTokenKey(let product, let id):
            try removeTokenKey(id, of: product, command, in: transaction)
        case .countState(let key, let isCounted):
            try countState(key, isCounted, command, in: transaction)
        case .setUncounted(let key, let topics):
            try setUncounted(key, topics, command, in: transaction)
        }
    }

    /// The product, unless it was deleted.
    func existing(
        _ key: ProductKey,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> ProductRecord? {
        guard let product = try products.get(key, in: transaction), !product.isDeleted else {
            return nil
        }
        return product
    }

    /// The pool of a product; every product has one from its creation on.
    func pool(
        of key: ProductKey,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> PoolRecord {
        guard let pool = try pools.get(key, in: transaction) else {
            throw .malformed(what: "product \(key) without a pool")
        }
        return pool
    }

    private func createProduct(
        _ product: NewProduct,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        if let refusal = Self.refusal(ofName: product.name) { return .refused(refusal) }
        if try products.contains(product.key, in: transaction) {
            return .refused(.commands(.alreadyExists(what: "product \(product.key)")))
        }
        guard try accounts.contains(product.account, in: transaction) else {
            return .refused(.accounts(.unknown(product.account)))
        }
        var (owner, root) = try root(of: product.account, in: transaction)
        var allowance: Allowance?
        if let package = product.package {
            guard let record = try packages.get(package, in: transaction) else {
                return .refused(.packages(.unknown(package)))
            }
            allowance = record.allowance
        }
        if let refusal = try refusal(ofProductOf: root, in: transaction) {
            return .refused(refusal)
        }
        let record = ProductRecord(product, allowance: allowance, createdAt: command.at)
        try products.put(product.key, record, in: transaction)
        try pools.put(product.key, PoolRecord(), in: transaction)
        try accountProducts.put(
            KeyPair(product.account, product.key),
            EmptyRecord(),
            in: transaction
        )
        root.products += 1
        try accounts.put(owner, root, in: transaction)
        let effect = try self.record(
            .products(.created(product.key, account: product.account)),
            command,
            in: transaction
        )
        if let terms = product.freeCodes {
            // Once for each product that the account has ever had at once (rule A7).
            let quantity = terms.policy.quantity(forProductOf: root.kind)
            guard quantity > 0, root.products > root.freeProducts else { return .done(effect) }
            root.freeProducts = root.products
            try accounts.put(owner, root, in: transaction)
            try grant(
                quantity,
                on: terms,
                to: product.account,
                product: product.key,
                command,
                in: transaction
            )
        }
        return .done(effect)
    }

    private func updateProduct(
        _ key: ProductKey,
        _ update: ProductUpdate,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard let old = try existing(key, in: transaction) else {
            return .refused(.products(.unknown(key)))
        }
        if let name = update.name, let refusal = Self.refusal(ofName: name) {
            return .refused(refusal)
        }
        var new = old
        if let name = update.name { new.rename(name) }
        if let autoRenewal = update.autoRenewal { new.autoRenewal = autoRenewal }
        if let registration = update.registration { new.registration = registration }
        if let dayOffset = update.dayOffset { new.dayOffset = dayOffset }
        if let messageLog = update.messageLog { new.messageLog = messageLog }
        if new == old { return .done(.unchanged) }
        try products.put(key, new, in: transaction)
        return .done(try record(.products(.updated(key, update)), command, in: transaction))
    }

    private func nameUplink(
        _ key: ProductKey,
        _ stream: UplinkStream?,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard var product = try existing(key, in: transaction) else {
            return .refused(.products(.unknown(key)))
        }
        if product.uplink == stream { return .done(.unchanged) }
        product.uplink = stream
        try products.put(key, product, in: transaction)
        return .done(try record(.products(.uplinkNamed(key, stream)), command, in: transaction))
    }

    private func setDialect(
        _ key: ProductKey,
        _ dialect: Dialect?,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard dialect?.topics?.isInRange ?? true else {
            let maximum = UInt64(DeviceTopics.patternsMaximum)
            return .refused(.commands(.quantityOutOfRange(maximum: maximum)))
        }
        guard var product = try existing(key, in: transaction) else {
            return .refused(.products(.unknown(key)))
        }
        if product.dialect == dialect { return .done(.unchanged) }
        product.dialect = dialect
        try products.put(key, product, in: transaction)
        return .done(try record(.products(.dialectSet(key, dialect)), command, in: transaction))
    }

    private func countState(
        _ key: ProductKey,
        _ isCounted: Bool,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard var product = try existing(key, in: transaction) else {
            return .refused(.products(.unknown(key)))
        }
        if product.countsState == isCounted { return .done(.unchanged) }
        product.countsState = isCounted
        try products.put(key, product, in: transaction)
        return .done(try record(.products(.stateCounted(key, isCounted)), command, in: transaction))
    }

    /// Rule C13.
    private func setUncounted(
        _ key: ProductKey,
        _ topics: [TopicPattern],
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        if let refusal = Self.refusal(
            ofCount: topics.count, upTo: DeviceTopics.patternsMaximum)
        {
            return .refused(refusal)
        }
        guard var product = try existing(key, in: transaction) else {
            return .refused(.products(.unknown(key)))
        }
        if product.uncounted == topics { return .done(.unchanged) }
        product.uncounted = topics
        try products.put(key, product, in: transaction)
        return .done(try record(.products(.uncountedSet(key, topics)), command, in: transaction))
    }

    private func setLimits(
        _ key: ProductKey,
        _ limits: TrafficLimits?,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard var product = try existing(key, in: transaction) else {
            return .refused(.products(.unknown(key)))
        }
        if product.limits == limits { return .done(.unchanged) }
        product.limits = limits
        try products.put(key, product, in: transaction)
        return .done(try record(.products(.limitsSet(key, limits)), command, in: transaction))
    }

    /// Rule A5: the package is a property of the product, so it changes for all devices and codes
    /// at once. An entitlement keeps the end it was given. One that only free codes have brought is
    /// not the product's own: it may be followed by any (rule A4). What free codes give is raised to
    /// it, and never lowered.
    private func upgradePackage(
        _ key: ProductKey,
        _ package: PackageID,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard var product = try existing(key, in: transaction) else {
            return .refused(.products(.unknown(key)))
        }
        guard let target = try packages.get(package, in: transaction) else {
            return .refused(.packages(.unknown(package)))
        }
        guard let current = product.package, let allowance = product.allowance else {
            return .refused(.products(.hasNoPackage(key)))
        }
        if current == package { return .done(.unchanged) }
        if product.packageOrigin != .freeCodes,
            let lowered = target.allowance.lowered(from: allowance)
        {
            return .refused(.packages(.allowanceLowered(allowance: lowered)))
        }
        product.package = package
        product.allowance = target.allowance
        product.packageOrigin = .named
        product.freeAllowance = product.freeAllowance?.raised(to: target.allowance)
        try products.put(key, product, in: transaction)
        return .done(
            try record(
                .products(.packageUpgraded(key, from: current, to: package)), command,
                in: transaction)
        )
    }

    /// Rule B9: the record stays, so that the books still balance and the name is not used again.
    private func deleteProduct(
        _ key: ProductKey,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard var product = try existing(key, in: transaction) else {
            return .refused(.products(.unknown(key)))
        }
        let forfeited = try pool(of: key, in: transaction).remaining
        product.deletedAt = command.at
        try products.put(key, product, in: transaction)
        try forgetMetadata(of: .product(key), in: transaction)
        for token in try tokenKeys(of: key, in: transaction) {
            try tokenKeys.delete(KeyPair(key, token.key.id), in: transaction)
        }
        try deleteImages(of: key, in: transaction)
        try endCampaigns(of: key, command, in: transaction)
        try countCodes(of: product, lost: forfeited, in: transaction)
        var (owner, root) = try root(of: product.account, in: transaction)
        root.products -= 1
        try accounts.put(owner, root, in: transaction)
        return .done(
            try record(.products(.deleted(key, forfeited: forfeited)), command, in: transaction)
        )
    }
}
