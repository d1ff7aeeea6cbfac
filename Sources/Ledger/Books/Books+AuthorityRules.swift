public import Storage
public import Time

/// What an authority's certificates say of devices, and which they bring.
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
        if rules == (try self.rules(of: id, in: transaction)) { return .done(.unchanged) }
        if rules == .standard {
            try authorityRules.delete(id, in: transaction)
        } else {
            try authorityRules.put(id, AuthorityRulesRecord(rules: rules), in: transaction)
        }
        let change = AuthorityChange.rulesSet(id, account: authority.account, rules)
        return .done(try record(.authorities(change), command, in: transaction))
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
