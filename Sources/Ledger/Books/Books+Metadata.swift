public import Storage

/// What users note about accounts, products and devices, in a table of its own, so that what each connection reads
/// stays small.
extension Books {
    /// Empty when there is none.
    public func metadata(
        of owner: MetadataOwner,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Metadata {
        try metadata.get(owner, in: transaction)?.metadata ?? Metadata()
    }

    func carryOut(
        _ action: MetadataAction,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        switch action {
        case .merge(let owner, let edits): try merge(edits, of: owner, command, in: transaction)
        }
    }

    private func merge(
        _ edits: [MetadataEdit],
        of owner: MetadataOwner,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        if let refusal = try absence(of: owner, in: transaction) { return .refused(refusal) }
        let old = try metadata(of: owner, in: transaction)
        let new = old.merging(edits)
        guard new.values.count <= Metadata.countMaximum else {
            return .refused(.metadata(.tooMuch(maximum: UInt32(Metadata.countMaximum))))
        }
        let changed = new.edits(since: old)
        if changed.isEmpty { return .done(.unchanged) }
        if new.values.isEmpty {
            try metadata.delete(owner, in: transaction)
        } else {
            try metadata.put(owner, MetadataRecord(metadata: new), in: transaction)
        }
        return .done(try record(.metadata(.merged(owner, changed)), command, in: transaction))
    }

    /// Why nothing can be noted about an owner; `nil` when it is there.
    func absence(
        of owner: MetadataOwner,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Refusal? {
        switch owner {
        case .account(let id):
            return try accounts.contains(id, in: transaction) ? nil : .accounts(.unknown(id))
        case .product(let key):
            return try existing(key, in: transaction) == nil ? .products(.unknown(key)) : nil
        case .device(let identity):
            guard try existing(identity.product, in: transaction) != nil else {
                return .products(.unknown(identity.product))
            }
            let device = try device(identity, in: transaction)
            return device?.isRegistered == true ? nil : .devices(.unknown(identity))
        }
    }
}
