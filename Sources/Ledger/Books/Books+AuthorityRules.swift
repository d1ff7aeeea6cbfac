public import Storage
public import Time

/// What an authority's certificates say of devices, and which they bring.
///
/// Authorities of an account with one name and one key, as a certificate that was renewed and its successor, have the same
/// rules and the same pinning: either one vouches for what the key has signed, and which of them a handshake finds is no
/// choice of the account's. Each has a copy of its own, so that a CONNECT has one look-up, and what is left when one of
/// them is removed is right.
extension Books {
    func setRules(
        _ id: AuthorityID,
        _ rules: AuthorityRules,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard let authority = try authorities.get(id, in: transaction) else {
            return .refused(.authorities(.unknown(id)))
        }
        if let product = rules.product {
            guard let record = try existing(product, in: transaction) else {
                return .refused(.products(.unknown(product)))
            }
            guard try family(of: authority.account, in: transaction).contains(record.account)
            else { return .refused(.products(.ofAnotherAccount(product, authority.account))) }
        }
        var effect = Effect.unchanged
        for one in [id] + (try namesakes(of: id, authority, in: transaction))
        where rules != (try self.rules(of: one, in: transaction)) {
            let changed = try put(rules, of: one, authority, command, in: transaction)
            if effect == .unchanged { effect = changed }
        }
        return .done(effect)
    }

    private func put(
        _ rules: AuthorityRules,
        of id: AuthorityID,
        _ authority: AuthorityRecord,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Effect {
        if rules == .standard {
            try authorityRules.delete(id, in: transaction)
        } else {
            try authorityRules.put(id, AuthorityRulesRecord(rules: rules), in: transaction)
        }
        let change = AuthorityChange.rulesSet(id, account: authority.account, rules)
        return try record(.authorities(change), command, in: transaction)
    }

    /// An authority that was just registered begins with what was said of those with its name and key.
    func takeOverRules(
        of id: AuthorityID,
        _ authority: AuthorityRecord,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        guard let other = try namesakes(of: id, authority, in: transaction).first else { return }
        let rules = try rules(of: other, in: transaction)
        if rules != .standard {
            _ = try put(rules, of: id, authority, command, in: transaction)
        }
        let pinning = try pinning(of: other, in: transaction)
        if pinning != .none {
            _ = try put(pinning, of: id, authority, command, in: transaction)
        }
    }

    /// The standard ones, unless others were set.
    public func rules(
        of id: AuthorityID,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> AuthorityRules {
        try authorityRules.get(id, in: transaction)?.rules ?? .standard
    }

    /// Of all authorities that others than the standard ones were set of.
    public func allAuthorityRules(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [AuthorityID: AuthorityRules] {
        var found: [AuthorityID: AuthorityRules] = [:]
        try authorityRules.forEach(in: transaction) { id, record in
            found[id] = record.rules
            return .proceed
        }
        return found
    }

    /// Whether an authority vouches for devices of a product: it has to be in force, and the product's account's, or that
    /// account's parent's. A product that is not there is answered like another account's.
    public func vouching(
        by id: AuthorityID,
        for product: ProductRecord?,
        at time: Timestamp,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Vouching {
        guard let authority = try authorities.get(id, in: transaction),
            authority.vouches(at: time)
        else { return .notActive }
        guard let product, !product.isDeleted else { return .ofAnotherAccount }
        if product.account != authority.account {
            let parent = try accounts.get(product.account, in: transaction)?.parent
            guard parent == authority.account else { return .ofAnotherAccount }
        }
        return .vouched(authority, try rules(of: id, in: transaction))
    }
}

/// Whether an authority vouches for a product's devices.
public enum Vouching: Sendable {
    /// It is switched off, removed, or its own certificate has ended.
    case notActive
    case ofAnotherAccount
    case vouched(AuthorityRecord, AuthorityRules)
}
