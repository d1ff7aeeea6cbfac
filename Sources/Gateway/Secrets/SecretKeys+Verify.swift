import Cryptography
public import Ledger
public import Storage

extension SecretKeys {
    /// Whether every secret in the books can be opened: sentences that name whose can't, at most
    /// `limit`.
    public func verify(_ ledger: Ledger, limit: Int) throws(StoreError) -> [String] {
        let known = try ledger.read { (books, transaction) throws(StoreError) in
            try books.sealingKeys(in: transaction)
        }
        let held = fingerprints
        for key in known where !held.contains(key) {
            return ["the key file has not the key \(key.number) that secrets are sealed with"]
        }
        var findings: [String] = []
        do {
            var sealer = try sealer()
            try ledger.read { (books, transaction) throws(StoreError) in
                try books.forEachSecret(
                    in: transaction,
                    product: { key, sealed in
                        guard !sealer.open(sealed.bytes.span, of: key), findings.count < limit
                        else { return }
                        findings.append("the secret of product \(key) can't be opened")
                    },
                    device: { identity, sealed in
                        guard !sealer.open(sealed, of: identity), findings.count < limit
                        else { return }
                        findings.append("the secret of \(identity) can't be opened")
                    },
                    webhook: { id, sealed in
                        guard !sealer.open(sealed.bytes.span, of: id), findings.count < limit
                        else { return }
                        findings.append("the secret of webhook \(id) can't be opened")
                    },
                    tokenKey: { product, id, sealed in
                        guard !sealer.open(sealed.bytes.span, ofTokenKey: id, of: product),
                            findings.count < limit
                        else { return }
                        findings.append(
                            "the secret of token key \(id) of product \(product) can't be opened")
                    }
                )
            }
        } catch let error as StoreError {
            throw error
        } catch {
            findings.append("\(error)")
        }
        return findings
    }
}
