import Bytes

extension Action {
    /// A digest of what the client asked for, by which a repeated idempotency key is recognised as
    /// the same command (rule A8): 128-bit FNV-1a over the action's bytes.
    ///
    /// Secrets, the id and hash of a new key, and the number of an import are left out: the gateway
    /// may have made them afresh for the repetition. So are the terms of free codes: they are the gateway's, and may be
    /// other ones by then.
    package var digest: (high: UInt64, low: UInt64) {
        var bytes = ByteBuffer()
        asked.encode(into: &bytes)
        // The offset basis and prime of the FNV reference (draft-eastlake-fnv, 128 bits).
        var hash: UInt128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d
        let span = bytes.span
        for index in span.indices {
            hash = (hash ^ UInt128(span[index])) &* 0x0000_0000_0100_0000_0000_0000_0000_013b
        }
        return (UInt64(truncatingIfNeeded: hash >> 64), UInt64(truncatingIfNeeded: hash))
    }

    /// The action without what the gateway may have made.
    private var asked: Action {
        guard let blank = SealedSecret([0]),
            let blankKey = KeyID("-"),
            let blankHash = SecretHash([UInt8](repeating: 0, count: SecretHash.length))
        else { preconditionFailure("these are well-formed") }
        switch self {
        case .createAccount(let account):
            return .createAccount(
                NewAccount(
                    id: account.id,
                    name: account.name,
                    kind: account.kind,
                    parent: account.parent,
                    email: account.email,
                    dataCentre: account.dataCentre
                )
            )
        case .account(.certify(let account, _)):
            return .account(.certify(account, freeCodes: nil))
        case .createProduct(let product):
            return .createProduct(
                NewProduct(
                    key: product.key,
                    name: product.name,
                    account: product.account,
                    package: product.package,
                    secret: blank,
                    registration: product.registration,
                    dayOffset: product.dayOffset,
                    dataCentre: product.dataCentre
                )
            )
        case .importDevices(let product, let rows):
            return .importDevices(
                product,
                rows.map { DeviceImport(device: $0.device, secret: nil, name: $0.name) }
            )
        case .importing(.commit(let product, _, let rows, let digest)):
            return .importing(.commit(product, import: 0, rows: rows, digest: digest))
        case .registerDevice(let identity, _): return .registerDevice(identity, secret: blank)
        case .resetSecret(let identity, _): return .resetSecret(identity, secret: blank)
        case .createKey(let key):
            return .createKey(
                NewKey(
                    id: blankKey,
                    name: key.name,
                    role: key.role,
                    account: key.account,
                    products: key.products,
                    secretHash: blankHash
                )
            )
        default: return self
        }
    }
}
