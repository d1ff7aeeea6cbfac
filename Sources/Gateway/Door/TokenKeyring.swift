import Bytes
import Cryptography
import Ledger
import Storage
import Time

/// Checks devices' tokens by the keys of their products. A CONNECT with a token costs one look-up in the books and one
/// check of a signature: public keys are kept as OpenSSL has them. Which keys there are the books say each time, so a key
/// that is removed opens nothing from then on.
struct TokenKeyring {
    private var keys: [KeyPair<ProductKey, TokenKeyID>: SignatureKey] = [:]

    /// Of public keys that are kept, at some 2 KB each; past it, all are made anew.
    private static let countMaximum = 4_096

    /// What a password proves that is said to be a token of that device. Secrets of HS256 are opened each time: what is
    /// kept in the clear is what the sealer keeps.
    mutating func verdict(
        on password: Span<UInt8>,
        of identity: DeviceIdentity,
        in books: inout LedgerReader,
        secrets: inout SecretSealer,
        at time: Timestamp
    ) throws(StoreError) -> TokenVerdict {
        guard let token = WebToken(password), let signing = token.signing(),
            let key = try Self.key(signing.key, of: identity.product, in: &books),
            // The key says how it signs. Or a public key, which is no secret, could be taken for one of HS256.
            key.material.algorithm == signing.algorithm,
            try isSigned(token, by: key, of: identity.product, secrets: &secrets),
            let claims = token.content(),
            claims.isAbout(identity, for: key.audience ?? identity.product.text)
        else { return .wrong }
        return claims.isTimely(at: time) ? .right : .untimely
    }

    /// The key that a token names. One that names none means the product's only one.
    private static func key(
        _ id: TokenKeyID?, of product: ProductKey, in books: inout LedgerReader
    ) throws(StoreError) -> TokenKey? {
        try books.read { books, transaction throws(StoreError) in
            if let id { return try books.tokenKey(id, of: product, in: transaction)?.key }
            let all = try books.tokenKeys(of: product, in: transaction)
            return all.count == 1 ? all[0].key : nil
        }
    }

    private mutating func isSigned(
        _ token: borrowing WebToken,
        by key: TokenKey,
        of product: ProductKey,
        secrets: inout SecretSealer
    ) throws(StoreError) -> Bool {
        guard let signature = token.signatureBytes() else { return false }
        switch key.material {
        case .es256(let bytes):
            return made(.p256, bytes, KeyPair(product, key.id))?
                .isSignature(signature.span, of: token.signed) ?? false
        case .edDSA(let bytes):
            return made(.ed25519, bytes, KeyPair(product, key.id))?
                .isSignature(signature.span, of: token.signed) ?? false
        case .hs256(let sealed):
            guard secrets.open(sealed.bytes.span, ofTokenKey: key.id, of: product) else {
                throw .malformed(what: "sealed secret of token key \(key.id) of \(product)")
            }
            var code = HMACSHA256(key: secrets.secret)
            code.update(token.signed)
            return SHA256Digest(signature.span) == code.finalize()
        }
    }

    /// To make one of P-256 takes longer than to check a signature with it. A name may stand for another key by now, so
    /// the one that is kept is compared.
    private mutating func made(
        _ kind: SignatureKey.Kind, _ bytes: [UInt8], _ place: KeyPair<ProductKey, TokenKeyID>
    ) -> SignatureKey? {
        if let kept = keys[place], kept.kind == kind, kept.bytes == bytes { return kept }
        guard let key = SignatureKey(kind, bytes) else { return nil }
        if keys.count >= Self.countMaximum { keys.removeAll(keepingCapacity: true) }
        keys[place] = key
        return key
    }
}
