import Bytes
public import Cryptography
public import Ledger

/// Seals and opens device and product secrets, on one thread. Opening is on the way of every connect:
/// it allocates nothing.
///
/// A sealed secret is the key's number (1 byte), a random nonce (12), the ciphertext, as long as the
/// secret, and the tag (16). Whose it is, `PK.DK`, `PK`, `webhook:ID` or `token-key:PK.ID`, is authenticated along with it, so that
/// nobody who can write to the store gives one device's secret to another.
public struct SecretSealer: ~Copyable {
    /// A key's cipher, where an array can hold it.
    private final class KeyedCipher {
        let number: UInt8
        var cipher: AES256GCM

        init(_ key: SecretKey) throws(CryptoError) {
            number = key.number
            cipher = try AES256GCM(key: key.bytes.span)
        }
    }

    /// In the order of the key file: the last one seals.
    private let ciphers: [KeyedCipher]

    // Used again by every call.
    private var opened: ByteBuffer
    private var owner: ByteBuffer

    /// The secret of a device that does not exist, sealed.
    private let decoy: [UInt8]

    private static var nonceOffset: Int { 1 }
    private static var ciphertextOffset: Int { nonceOffset + AES256GCM.nonceLength }

    init(_ keys: SecretKeys) throws(CryptoError) {
        var ciphers: [KeyedCipher] = []
        for key in keys.keys { ciphers.append(try KeyedCipher(key)) }
        let secret = "0123456789abcdef0123456789abcdef"
        let sealed = try Self.seal(secret.utf8Span.span, ciphers, owner: Span())
        self.ciphers = ciphers
        decoy = sealed
        opened = ByteBuffer()
        owner = ByteBuffer()
    }

    /// The secret that was opened last.
    public var secret: Span<UInt8> {
        @_lifetime(borrow self)
        get { opened.span }
    }

    /// Opens a device's secret, which `secret` lends from then on. False, and nothing lent, when it is
    /// not that device's, was changed, or is sealed with a key that is not in the key file.
    public mutating func open(_ sealed: Span<UInt8>, of device: DeviceIdentity) -> Bool {
        setOwner(device)
        return open(sealed)
    }

    /// The same for a product's secret.
    public mutating func open(_ sealed: Span<UInt8>, of product: ProductKey) -> Bool {
        setOwner(product)
        return open(sealed)
    }

    /// The same for a webhook's secret.
    public mutating func open(_ sealed: Span<UInt8>, of webhook: WebhookID) -> Bool {
        setOwner(webhook)
        return open(sealed)
    }

    /// The same for the secret of a product's token key.
    mutating func open(
        _ sealed: Span<UInt8>, ofTokenKey id: TokenKeyID, of product: ProductKey
    ) -> Bool {
        setOwner(tokenKey: id, of: product)
        return open(sealed)
    }

    /// Opens a secret that no device has, for the same work as the real one of a device that exists.
    mutating func openDecoy() -> Bool {
        owner.removeAll()
        let sealed = decoy
        return open(sealed.span)
    }

    public mutating func seal(
        _ secret: Secret,
        for device: DeviceIdentity
    ) throws(CryptoError) -> SealedSecret {
        setOwner(device)
        return try sealed(secret)
    }

    public mutating func seal(
        _ secret: Secret,
        for product: ProductKey
    ) throws(CryptoError) -> SealedSecret {
        setOwner(product)
        return try sealed(secret)
    }

    public mutating func seal(
        _ secret: Secret,
        for webhook: WebhookID
    ) throws(CryptoError) -> SealedSecret {
        setOwner(webhook)
        return try sealed(secret)
    }

    /// Of a token key: `TokenKey.secretLengths` bytes.
    mutating func seal(
        _ secret: [UInt8], forTokenKey id: TokenKeyID, of product: ProductKey
    ) throws(CryptoError) -> SealedSecret {
        setOwner(tokenKey: id, of: product)
        return try sealed(secret.span)
    }

    private mutating func setOwner(tokenKey id: TokenKeyID, of product: ProductKey) {
        owner.removeAll()
        owner.append(utf8: "token-key:\(product.text).\(id.text)")
    }

    /// No product's key has a colon.
    private mutating func setOwner(_ webhook: WebhookID) {
        owner.removeAll()
        owner.append(utf8: "webhook:\(webhook.text)")
    }

    private mutating func setOwner(_ device: DeviceIdentity) {
        setOwner(device.product)
        owner.append(UInt8(ascii: "."))
        owner.append(utf8: device.device.text)
    }

    private mutating func setOwner(_ product: ProductKey) {
        owner.removeAll()
        owner.append(utf8: product.text)
    }

    private mutating func open(_ sealed: Span<UInt8>) -> Bool {
        opened.removeAll()
        guard sealed.count > Self.ciphertextOffset else { return false }
        let number = sealed[0]
        guard let keyed = ciphers.first(where: { $0.number == number }) else { return false }
        var plaintext = ByteBuffer()
        swap(&plaintext, &opened)
        defer { swap(&plaintext, &opened) }
        do throws(CryptoError) {
            try keyed.cipher.open(
                sealed.extracting(Self.ciphertextOffset..<sealed.count),
                nonce: sealed.extracting(Self.nonceOffset..<Self.ciphertextOffset),
                associated: owner.span,
                into: &plaintext
            )
            return true
        } catch {
            return false
        }
    }

    private mutating func sealed(_ secret: Secret) throws(CryptoError) -> SealedSecret {
        try sealed(secret.text.utf8Span.span)
    }

    private mutating func sealed(_ secret: Span<UInt8>) throws(CryptoError) -> SealedSecret {
        guard let sealed = SealedSecret(try Self.seal(secret, ciphers, owner: owner.span)) else {
            preconditionFailure("64 bytes sealed are 93")
        }
        return sealed
    }

    private static func seal(
        _ secret: Span<UInt8>,
        _ ciphers: [KeyedCipher],
        owner: Span<UInt8>
    ) throws(CryptoError) -> [UInt8] {
        guard let keyed = ciphers.last else { preconditionFailure("there is a key that seals") }
        let nonce = RandomBytes.make(AES256GCM.nonceLength)
        var bytes = ByteBuffer()
        bytes.append(keyed.number)
        bytes.append(nonce.span)
        try keyed.cipher.seal(secret, nonce: nonce.span, associated: owner, into: &bytes)
        return (0..<bytes.count).map { bytes[$0] }
    }
}
