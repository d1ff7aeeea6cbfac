public import Storage
import Time

/// Rule A12: how much an account and a product may have.
extension Books {
    static var limitsKey: UInt32 { 1 }

    public func limits(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> BooksLimits {
        try limits.get(Self.limitsKey, in: transaction)?.limits ?? BooksLimits()
    }

    func carryOut(
        _ action: LimitAction,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        switch action {
        case .adopt(let limits): try adopt(limits, command, in: transaction)
        }
    }

    private func adopt(
        _ new: BooksLimits,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        if try limits(in: transaction) == new { return .done(.unchanged) }
        try limits.put(Self.limitsKey, LimitsRecord(limits: new), in: transaction)
        return .done(try record(.limits(.adopted(new)), command, in: transaction))
    }

    /// The account that a sub-account is of, or itself: its limits hold for all of them together.
    func root(
        of id: AccountID,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> (id: AccountID, record: AccountRecord) {
        guard let record = try accounts.get(id, in: transaction) else {
            throw .malformed(what: "account \(id) is not there")
        }
        guard let parent = record.parent else { return (id, record) }
        guard let root = try accounts.get(parent, in: transaction) else {
            throw .malformed(what: "account \(parent) is not there")
        }
        return (parent, root)
    }

    func refusal(
        ofProductOf root: AccountRecord,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Refusal? {
        let maximum = try limits(in: transaction).productsMaximum(of: root.kind)
        guard maximum > 0, root.products >= maximum else { return nil }
        return .limits(.reached(.productsOfAccount, maximum: maximum))
    }

    /// What speaks against so many more devices of the product.
    func refusal(
        ofDevices count: UInt64,
        of key: ProductKey,
        _ product: ProductRecord,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Refusal? {
        let limits = try limits(in: transaction)
        if limits.devicesOfProduct > 0 {
            let known = try pool(of: key, in: transaction).devicesKnown
            if known + count > limits.devicesOfProduct {
                return .limits(.reached(.devicesOfProduct, maximum: limits.devicesOfProduct))
            }
        }
        guard limits.devicesOfAccount > 0 else { return nil }
        var known: UInt64 = 0
        let root = try root(of: product.account, in: transaction).id
        for account in try family(of: root, in: transaction) {
            for other in try products(of: account, in: transaction) {
                known += try pool(of: other, in: transaction).devicesKnown
            }
        }
        return known + count > limits.devicesOfAccount
            ? .limits(.reached(.devicesOfAccount, maximum: limits.devicesOfAccount)) : nil
    }

    /// What speaks against one more device that registers itself, which nobody had imported.
    func refusal(
        ofRegistrationIn key: ProductKey,
        _ product: ProductRecord,
        at time: Timestamp,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Refusal? {
        if let refusal = try refusal(ofDevices: 1, of: key, product, in: transaction) {
            return refusal
        }
        let maximum = try limits(in: transaction).registrationsPerDay
        let count = try registrations(in: key, product, at: time, in: transaction).count
        return maximum > 0 && count >= maximum
            ? .limits(.reached(.registrationsOfDay, maximum: maximum)) : nil
    }

    func countRegistration(
        in key: ProductKey,
        _ product: ProductRecord,
        at time: Timestamp,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        var record = try registrations(in: key, product, at: time, in: transaction)
        record.count += 1
        try registrations.put(key, record, in: transaction)
    }

    /// Those of the product's day.
    private func registrations(
        in key: ProductKey,
        _ product: ProductRecord,
        at time: Timestamp,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> RegistrationsRecord {
        let today = Day(of: time, at: product.dayOffset)
        if let record = try registrations.get(key, in: transaction), record.day == today {
            return record
        }
        return RegistrationsRecord(day: today, count: 0)
    }

    /// The account's products that were not deleted.
    func products(
        of account: AccountID,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [ProductKey] {
        var keys: [ProductKey] = []
        try accountProducts.forEach(in: transaction, prefix: account) {
            (key, _) throws(StoreError) in
            if try existing(key.second, in: transaction) != nil { keys.append(key.second) }
            return .proceed
        }
        return keys
    }
}

/// A product's secret, by which its devices register themselves (Wire.md, "Registration").
extension Books {
    func carryOut(
        _ action: ProductSecretAction,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        switch action {
        case .rotate(let key, let secret, let overlap):
            if let refusal = Self.refusal(ofOverlap: overlap) { return .refused(refusal) }
            guard var product = try existing(key, in: transaction) else {
                return .refused(.products(.unknown(key)))
            }
            let until = command.at.adding(milliseconds: Int64(clamping: overlap))
            product.previousSecret = overlap == 0 ? nil : product.secret
            product.previousUntil = product.previousSecret == nil ? nil : until
            product.secret = secret
            try products.put(key, product, in: transaction)
            return .done(
                try record(.productSecrets(.rotated(key, until: until)), command, in: transaction))
        case .revoke(let key):
            guard var product = try existing(key, in: transaction) else {
                return .refused(.products(.unknown(key)))
            }
            if product.secret == nil { return .done(.unchanged) }
            product.secret = nil
            product.previousSecret = nil
            product.previousUntil = nil
            try products.put(key, product, in: transaction)
            return .done(try record(.productSecrets(.revoked(key)), command, in: transaction))
        }
    }

    /// Of how long a secret is taken that another one has taken the place of.
    static func refusal(ofOverlap milliseconds: UInt64) -> Refusal? {
        let maximum = UInt64(overlapMaximumHours) * 3_600_000
        return milliseconds <= maximum ? nil : .commands(.quantityOutOfRange(maximum: maximum))
    }
}
