import Storage

/// Packages and keys.
extension Books {
    func createPackage(
        _ id: PackageID,
        _ name: String,
        _ allowance: Allowance,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        if let refusal = Self.refusal(ofName: name) { return .refused(refusal) }
        if try packages.contains(id, in: transaction) {
            return .refused(.alreadyExists(what: "package \(id)"))
        }
        let record = PackageRecord(name: name, allowance: allowance, createdAt: command.at)
        try packages.put(id, record, in: transaction)
        return .done(try self.record(.packageCreated(id, allowance), command, in: transaction))
    }

    func createKey(
        _ key: NewKey,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        if let refusal = Self.refusal(ofName: key.name) { return .refused(refusal) }
        if try keys.contains(key.id, in: transaction) {
            return .refused(.alreadyExists(what: "key \(key.id)"))
        }
        if let account = key.account, try !accounts.contains(account, in: transaction) {
            return .refused(.unknownAccount(account))
        }
        for product in key.products ?? [] {
            guard let record = try existing(product, in: transaction) else {
                return .refused(.unknownProduct(product))
            }
            if let account = key.account,
                try !family(of: account, in: transaction).contains(record.account)
            {
                return .refused(.productOfAnotherAccount(product, account))
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
            try self.record(.keyCreated(key.id, role: key.role), command, in: transaction)
        )
    }

    func revokeKey(
        _ id: KeyID,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard var key = try keys.get(id, in: transaction) else { return .refused(.unknownKey(id)) }
        if key.revokedAt != nil { return .done(.unchanged) }
        key.revokedAt = command.at
        try keys.put(id, key, in: transaction)
        return .done(try record(.keyRevoked(id), command, in: transaction))
    }

    static func refusal(ofName name: String) -> Refusal? {
        name.utf8.count <= nameMaximumLength
            ? nil : .nameTooLong(maximumBytes: UInt32(nameMaximumLength))
    }
}
