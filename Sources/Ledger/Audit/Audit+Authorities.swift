import Storage

/// Authorities: those that the log has left, each listed under its account, which is there.
extension Audit {
    mutating func checkAuthorities(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var left = log.authorities
        try read(books.authorities, in: transaction) { (audit, id, authority) throws(StoreError) in
            audit.expect(left.remove(id) != nil, "table authorities: the log has not left \(id)")
            let isThere = try audit.books.accounts.contains(authority.account, in: transaction)
            audit.expect(
                isThere, "authority \(id) is of account \(authority.account), which is not there")
            let isListed = try audit.books.accountAuthorities.contains(
                KeyPair(authority.account, id), in: transaction)
            audit.expect(isListed, "authority \(id) is not listed under its account")
        }
        for id in left.sorted() { expect(false, "authority \(id) is not there") }
        try expectCount(of: books.accountAuthorities, log.authorities.count, in: transaction) {
            (audit, key, _) in audit.log.authorities.contains(key.second)
        }
    }
}
