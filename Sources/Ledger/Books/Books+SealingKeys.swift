public import Storage

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

    /// Refused, all of them, when one has the number of another key that the books know.
    func adoptSealingKeys(
        _ keys: [SealingKey],
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        var new: [SealingKey] = []
        for key in keys {
            let known = try sealingKeys.get(UInt32(key.number), in: transaction)
            guard known == nil || known?.fingerprint == key.fingerprint else {
                return .refused(.alreadyExists(what: "another sealing key \(key.number)"))
            }
            if known == nil { new.append(key) }
        }
        if new.isEmpty { return .done(.unchanged) }
        for key in new {
            let record = SealingKeyRecord(fingerprint: key.fingerprint, adoptedAt: command.at)
            try sealingKeys.put(UInt32(key.number), record, in: transaction)
        }
        let change = Change.sealingKeysAdopted(new.map(\.number))
        return .done(try record(change, command, in: transaction))
    }
}
