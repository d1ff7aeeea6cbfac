import Cryptography
import Ledger
import Storage

/// Knows whose a bearer token is: the owner's, or `{key id}.{secret}` of a key in the books.
struct Tokens: Sendable {
    let owner: OwnerToken
    let ledger: Ledger

    /// `nil` when nobody has that token. Secrets are compared in constant time.
    func principal(of token: String) throws(StoreError) -> Principal? {
        if constantTimeEqual(Array(token.utf8).span, Array(owner.text.utf8).span) { return .owner }
        guard let dot = token.firstIndex(of: "."), let id = KeyID(String(token[..<dot])) else {
            return nil
        }
        let secret = token[token.index(after: dot)...]
        let digest = SHA256.hash(Array(secret.utf8).span)
        return try ledger.read { (books, transaction) throws(StoreError) in
            guard let record = try books.key(id, in: transaction), record.revokedAt == nil,
                constantTimeEqual(record.secretHash.bytes.span, digest.span)
            else { return nil }
            guard let account = record.account else {
                return Principal(id, record, accounts: nil, parent: nil)
            }
            return Principal(
                id,
                record,
                accounts: try books.family(of: account, in: transaction),
                parent: try books.account(account, in: transaction)?.parent
            )
        }
    }
}
