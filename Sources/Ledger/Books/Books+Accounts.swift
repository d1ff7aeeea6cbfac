public import Storage

/// Accounts: opened, certified, and who gets their alerts (rules A7 and E1).
extension Books {
    func carryOut(
        _ action: AccountAction,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        switch action {
        case .create(let account): try createAccount(account, command, in: transaction)
        case .update(let account, let update):
            try self.update(account, update, command, in: transaction)
        case .certify(let account, let freeCodes):
            try certify(account, freeCodes, command, in: transaction)
        case .putContact(let account, let contact):
            try put(contact, of: account, command, in: transaction)
        case .removeContact(let account, let email):
            try removeContact(email, of: account, command, in: transaction)
        }
    }

    private func createAccount(
        _ account: NewAccount,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        let id = account.id
        if let refusal = Self.refusal(ofName: account.name) { return .refused(refusal) }
        if try accounts.contains(id, in: transaction) {
            return .refused(.commands(.alreadyExists(what: "account \(id)")))
        }
        var kind = account.kind
        if let parent = account.parent {
            guard let record = try accounts.get(parent, in: transaction) else {
                return .refused(.accounts(.unknown(parent)))
            }
            if record.parent != nil { return .refused(.accounts(.parentIsSubAccount(parent))) }
            guard try subAccounts(of: parent, in: transaction).count < Self.subAccountMaximum
            else {
                return .refused(
                    .accounts(.tooManySubAccounts(maximum: UInt32(Self.subAccountMaximum))))
            }
            kind = record.kind
            try subAccounts.put(KeyPair(parent, id), EmptyRecord(), in: transaction)
        }
        let record = AccountRecord(account, kind: kind, createdAt: command.at)
        try accounts.put(id, record, in: transaction)
        let effect = try self.record(
            .accounts(.created(id, kind: kind, parent: account.parent)),
            command,
            in: transaction
        )
        if let terms = account.freeCodes, account.parent == nil {
            let quantity = terms.policy.quantity(forAccount: kind)
            try grant(quantity, on: terms, to: id, command, in: transaction)
        }
        return .done(effect)
    }

    private func update(
        _ id: AccountID,
        _ update: AccountUpdate,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        if let name = update.name, let refusal = Self.refusal(ofName: name) {
            return .refused(refusal)
        }
        guard let old = try accounts.get(id, in: transaction) else {
            return .refused(.accounts(.unknown(id)))
        }
        var new = old
        if let name = update.name { new.name = name }
        if let email = update.email { new.email = email }
        if new == old { return .done(.unchanged) }
        try accounts.put(id, new, in: transaction)
        return .done(try record(.accounts(.updated(id, update)), command, in: transaction))
    }

    /// A sub-account is what its parent is, so it is certified with it and not by itself.
    private func certify(
        _ id: AccountID,
        _ terms: FreeCodeTerms?,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard let record = try accounts.get(id, in: transaction) else {
            return .refused(.accounts(.unknown(id)))
        }
        if let parent = record.parent { return .refused(.accounts(.certifiedWithParent(parent))) }
        guard record.kind == .individual else { return .refused(.accounts(.enterpriseAlready(id))) }
        for member in try family(of: id, in: transaction) {
            guard var record = try accounts.get(member, in: transaction) else {
                throw .malformed(what: "sub-account \(member) is not there")
            }
            record.kind = .enterprise
            record.certifiedAt = command.at
            try accounts.put(member, record, in: transaction)
        }
        let effect = try self.record(.accounts(.certified(id)), command, in: transaction)
        if let terms {
            let quantity = terms.policy.quantityForCertification
            try grant(quantity, on: terms, to: id, command, in: transaction)
        }
        return .done(effect)
    }

    private func put(
        _ contact: Contact,
        of id: AccountID,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        if let refusal = Self.refusal(ofName: contact.name) { return .refused(refusal) }
        guard let owner = try contactOwner(of: id, in: transaction) else {
            return .refused(.accounts(.unknown(id)))
        }
        let known = try self.contact(contact.email, of: owner, in: transaction)
        let contact = Contact(email: known?.email ?? contact.email, name: contact.name)
        if let known {
            if known.record.name == contact.name { return .done(.unchanged) }
        } else {
            let maximum = Self.contactMaximum
            let held = try contacts(of: owner, limit: maximum, in: transaction)
            guard held.elements.count < maximum else {
                return .refused(.accounts(.tooManyContacts(maximum: UInt32(maximum))))
            }
        }
        let record = ContactRecord(name: contact.name, at: command.at, actor: command.actor)
        try contacts.put(KeyPair(owner, contact.email), record, in: transaction)
        return .done(
            try self.record(.accounts(.contactPut(owner, contact)), command, in: transaction)
        )
    }

    private func removeContact(
        _ email: EmailAddress,
        of id: AccountID,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard let owner = try contactOwner(of: id, in: transaction) else {
            return .refused(.accounts(.unknown(id)))
        }
        guard let known = try contact(email, of: owner, in: transaction)?.email else {
            return .refused(.accounts(.unknownContact(owner, email)))
        }
        try contacts.delete(KeyPair(owner, known), in: transaction)
        try contactLanguages.delete(KeyPair(owner, known), in: transaction)
        return .done(
            try record(.accounts(.contactRemoved(owner, known)), command, in: transaction)
        )
    }
}

/// Packages and keys.
extension Books {
    func carryOut(
        _ action: PackageAction,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        switch action {
        case .create(let id, let name, let allowance):
            try createPackage(id, name, allowance, command, in: transaction)
        case .rename(let id, let name): try rename(id, name, command, in: transaction)
        }
    }

    func carryOut(
        _ action: KeyAction,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        switch action {
        case .create(let key): try createKey(key, command, in: transaction)
        case .revoke(let id): try revokeKey(id, command, in: transaction)
        case .rename(let id, let name): try rename(id, name, command, in: transaction)
        case .adoptSealingKeys(let keys): try adoptSealingKeys(keys, command, in: transaction)
        }
    }

    private func createPackage(
        _ id: PackageID,
        _ name: String,
        _ allowance: Allowance,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        if let refusal = Self.refusal(ofName: name) { return .refused(refusal) }
        if try packages.contains(id, in: transaction) {
            return .refused(.commands(.alreadyExists(what: "package \(id)")))
        }
        let record = PackageRecord(name: name, allowance: allowance, createdAt: command.at)
        try packages.put(id, record, in: transaction)
        return .done(try self.record(.packages(.created(id, allowance)), command, in: transaction))
    }

    private func rename(
        _ id: PackageID,
        _ name: String,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        if let refusal = Self.refusal(ofName: name) { return .refused(refusal) }
        guard var package = try packages.get(id, in: transaction) else {
            return .refused(.packages(.unknown(id)))
        }
        if package.name == name { return .done(.unchanged) }
        package.name = name
        try packages.put(id, package, in: transaction)
        return .done(try record(.packages(.renamed(id, name)), command, in: transaction))
    }

    private func rename(
        _ id: KeyID,
        _ name: String,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        if let refusal = Self.refusal(ofName: name) { return .refused(refusal) }
        guard var key = try keys.get(id, in: transaction) else {
            return .refused(.keys(.unknown(id)))
        }
        if key.name == name { return .done(.unchanged) }
        key.name = name
        try keys.put(id, key, in: transaction)
        return .done(try record(.keys(.renamed(id, name)), command, in: transaction))
    }

    private func createKey(
        _ key: NewKey,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        if let refusal = Self.refusal(ofName: key.name) { return .refused(refusal) }
        if let refusal = Self.refusal(
            ofCount: key.products?.count ?? 0, upTo: NewKey.productsMaximum)
        {
            return .refused(refusal)
        }
        if try keys.contains(key.id, in: transaction) {
            return .refused(.commands(.alreadyExists(what: "key \(key.id)")))
        }
        if let account = key.account, try !accounts.contains(account, in: transaction) {
            return .refused(.accounts(.unknown(account)))
        }
        for product in key.products ?? [] {
            guard let record = try existing(product, in: transaction) else {
                return .refused(.products(.unknown(product)))
            }
            if let account = key.account,
                try !family(of: account, in: transaction).contains(record.account)
            {
                return .refused(.products(.ofAnotherAccount(product, account)))
            }
        }
        let record = KeyRecord(
            name: key.name,
            role: key.role,
            account: key.account,
            products: key.products,
            secretHash: key.secretHash,
            createdAt: command.at,
            revokedAt: nil
        )
        try keys.put(key.id, record, in: transaction)
        if let account = key.account {
            try accountKeys.put(KeyPair(account, key.id), EmptyRecord(), in: transaction)
        }
        return .done(
            try self.record(.keys(.created(key.id, role: key.role)), command, in: transaction)
        )
    }

    private func revokeKey(
        _ id: KeyID,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard var key = try keys.get(id, in: transaction) else {
            return .refused(.keys(.unknown(id)))
        }
        if key.revokedAt != nil { return .done(.unchanged) }
        key.revokedAt = command.at
        try keys.put(id, key, in: transaction)
        return .done(try record(.keys(.revoked(id)), command, in: transaction))
    }

    static func refusal(ofName name: String) -> Refusal? {
        name.utf8.count <= nameMaximumLength
            ? nil : .commands(.nameTooLong(maximumBytes: UInt32(nameMaximumLength)))
    }

    /// Of a list that may be empty.
    static func refusal(ofCount count: Int, upTo maximum: Int) -> Refusal? {
        count <= maximum ? nil : .commands(.quantityOutOfRange(maximum: UInt64(maximum)))
    }
}

/// Which keys the secrets in the books are sealed with: so a wrong key file is found when the gateway
/// starts, and not when devices are refused.
extension Books {
    /// The keys that secrets may be sealed with, by number.
    public func sealingKeys(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [SealingKey] {
        var keys: [SealingKey] = []
        try sealingKeys.forEach(in: transaction) { number, record in
            if let number = UInt8(exactly: number),
                let key = SealingKey(number: number, fingerprint: record.fingerprint)
            {
                keys.append(key)
            }
            return .proceed
        }
        return keys
    }

    /// Refused, all of them, when one has the number of another key, which the books know or which is among them.
    private func adoptSealingKeys(
        _ keys: [SealingKey],
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        var new: [SealingKey] = []
        for key in keys {
            let stored = try sealingKeys.get(UInt32(key.number), in: transaction)?.fingerprint
            let known = new.first { $0.number == key.number }?.fingerprint ?? stored
            guard known == nil || known == key.fingerprint else {
                return .refused(
                    .commands(.alreadyExists(what: "another sealing key \(key.number)")))
            }
            if known == nil { new.append(key) }
        }
        if new.isEmpty { return .done(.unchanged) }
        for key in new {
            let record = SealingKeyRecord(fingerprint: key.fingerprint, adoptedAt: command.at)
            try sealingKeys.put(UInt32(key.number), record, in: transaction)
        }
        let change = Change.keys(.sealingKeysAdopted(new.map(\.number)))
        return .done(try record(change, command, in: transaction))
    }
}
