import Bytes
public import Cryptography
public import Ledger

/// The keys that device and product secrets are sealed with, as the key file lists them: the last
/// one seals, all of them open.
public struct SecretKeys: Sendable, CustomStringConvertible {
    /// Never empty.
    let keys: [SecretKey]

    init(keys: [SecretKey]) {
        precondition(!keys.isEmpty, "there is a key that seals")
        self.keys = keys
    }

    /// One fresh key, number 1.
    public init() {
        let bytes = RandomBytes.make(AES256GCM.keyLength)
        guard let key = SecretKey(number: 1, bytes: bytes) else {
            preconditionFailure("32 bytes are a key")
        }
        self.init(keys: [key])
    }

    /// A context for one thread, with which sealing and opening costs no more than its bytes.
    public func sealer() throws(CryptoError) -> SecretSealer { try SecretSealer(self) }

    /// Seals one secret; for many, make a `sealer()`.
    public func seal(
        _ secret: Secret,
        for device: DeviceIdentity
    ) throws(CryptoError) -> SealedSecret {
        var sealer = try sealer()
        return try sealer.seal(secret, for: device)
    }

    public func seal(
        _ secret: Secret,
        for product: ProductKey
    ) throws(CryptoError) -> SealedSecret {
        var sealer = try sealer()
        return try sealer.seal(secret, for: product)
    }

    /// Opens a product's secret, to be shown; `nil` when it can't be.
    public func open(
        _ sealed: SealedSecret,
        of product: ProductKey
    ) throws(CryptoError) -> Secret? {
        var sealer = try sealer()
        guard sealer.open(sealed.bytes.span, of: product), let text = sealer.secret.text else {
            return nil
        }
        return Secret(text)
    }

    public func seal(
        _ secret: Secret,
        for webhook: WebhookID
    ) throws(CryptoError) -> SealedSecret {
        var sealer = try sealer()
        return try sealer.seal(secret, for: webhook)
    }

    /// Opens a webhook's secret, to sign with it; `nil` when it can't be.
    public func open(
        _ sealed: SealedSecret,
        of webhook: WebhookID
    ) throws(CryptoError) -> Secret? {
        var sealer = try sealer()
        guard sealer.open(sealed.bytes.span, of: webhook), let text = sealer.secret.text else {
            return nil
        }
        return Secret(text)
    }

    /// Seals the secret of a product's token key: `TokenKey.secretLengths` bytes.
    public func seal(
        _ secret: [UInt8], forTokenKey id: TokenKeyID, of product: ProductKey
    ) throws(CryptoError) -> SealedSecret {
        var sealer = try sealer()
        return try sealer.seal(secret, forTokenKey: id, of: product)
    }

    /// What the books know of the keys.
    public var fingerprints: [SealingKey] { keys.map(\.fingerprint) }

    /// Hides the keys, so that no log shows them by accident.
    public var description: String { "SecretKeys(hidden)" }
}
