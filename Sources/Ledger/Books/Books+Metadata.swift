import Bytes
import Cryptography
import Encoding
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
        for edit in changed {
            try list(owner, under: edit.key, old.values[edit.key], edit.value, in: transaction)
        }
        if new.values.isEmpty {
            try metadata.delete(owner, in: transaction)
        } else {
            try metadata.put(owner, MetadataRecord(metadata: new), in: transaction)
        }
        return .done(try record(.metadata(.merged(owner, changed)), command, in: transaction))
    }

    /// The owner is no more.
    func forgetMetadata(
        of owner: MetadataOwner,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        for (key, value) in try metadata(of: owner, in: transaction).entries {
            try list(owner, under: key, value, nil, in: transaction)
        }
        try metadata.delete(owner, in: transaction)
    }

    /// Has the owner found by its new value, and by the old one no more. Accounts are found by their names.
    private func list(
        _ owner: MetadataOwner,
        under key: MetadataKey,
        _ old: MetadataValue?,
        _ new: MetadataValue?,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        let before = old.map { MetadataMatch(key: key, value: $0).place }
        let after = new.map { MetadataMatch(key: key, value: $0).place }
        switch owner {
        case .account: break
        case .product(let product):
            guard let account = try products.get(product, in: transaction)?.account else { return }
            try notedProducts.move(
                before.map { KeyTriple($0, account, product) },
                to: after.map { KeyTriple($0, account, product) }, in: transaction)
        case .device(let device):
            try notedDevices.move(
                before.map { KeyTriple(device.product, $0, device.device) },
                to: after.map { KeyTriple(device.product, $0, device.device) }, in: transaction)
        }
    }

    /// Of books whose metadata was not listed (`Books.format`).
    static func listMetadata(in transaction: borrowing WriteTransaction) throws(StoreError) {
        let metadata = try Table<MetadataOwner, MetadataRecord>("metadata", in: transaction)
        let products = try Table<ProductKey, ProductRecord>("products", in: transaction)
        let notedDevices = try Table<
            KeyTriple<ProductKey, MetadataPlace, DeviceKey>, EmptyRecord
        >("notedDevices", in: transaction)
        let notedProducts = try Table<
            KeyTriple<MetadataPlace, AccountID, ProductKey>, EmptyRecord
        >("notedProducts", in: transaction)
        try metadata.rewrite(in: transaction) { (owner, record) throws(StoreError) in
            for (key, value) in record.metadata.entries {
                let place = MetadataMatch(key: key, value: value).place
                switch owner {
                case .account: break
                case .product(let product):
                    guard let account = try products.get(product, in: transaction)?.account
                    else { continue }
                    try notedProducts.put(
                        KeyTriple(place, account, product), EmptyRecord(), in: transaction)
                case .device(let device):
                    try notedDevices.put(
                        KeyTriple(device.product, place, device.device), EmptyRecord(),
                        in: transaction)
                }
            }
        }
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

/// Where those are listed who have a value: under its key, by a digest of it, as a value may be longer than a key of the
/// store. Two values may have one digest, so who reads the list looks at the values.
typealias MetadataPlace = KeyPair<MetadataKey, UInt64>

extension MetadataMatch {
    /// The first eight bytes of SHA-256 of the value's UTF-8.
    var place: MetadataPlace {
        let digest = SHA256.hash(value.text.utf8Span.span)
        var reader = ByteReader(digest.span)
        guard let number = reader.readUInt64() else {
            preconditionFailure("SHA-256 has 32 bytes")
        }
        return MetadataPlace(key, number)
    }
}

extension Table where Record == EmptyRecord {
    /// Has `new` in the list, and `old` not.
    fileprivate func move(
        _ old: Key?, to new: Key?, in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        if let old { try delete(old, in: transaction) }
        if let new { try put(new, EmptyRecord(), in: transaction) }
    }
}
