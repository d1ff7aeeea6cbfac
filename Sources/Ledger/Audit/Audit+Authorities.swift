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
        try checkRevocations(in: transaction)
        try checkRules(in: transaction)
        try checkPins(in: transaction)
        try checkNamesakes(in: transaction)
    }

    /// Authorities with one name and key have the same rules and pinning.
    private mutating func checkNamesakes(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        try read(books.authorities, in: transaction) { (audit, id, authority) throws(StoreError) in
            let books = audit.books
            let namesakes = try audit.find { () throws(StoreError) in
                try books.namesakes(of: id, authority, in: transaction)
            }
            for other in namesakes ?? [] where other > id {
                let haveSameRules = try audit.find { () throws(StoreError) in
                    try books.rules(of: id, in: transaction)
                        == books.rules(of: other, in: transaction)
                }
                audit.expect(
                    haveSameRules ?? true,
                    "authority \(id) has other rules than \(other), which has its name and key")
                let haveSamePinning = try audit.find { () throws(StoreError) in
                    try books.pinning(of: id, in: transaction)
                        == books.pinning(of: other, in: transaction)
                }
                audit.expect(
                    haveSamePinning ?? true,
                    "authority \(id) has another pinning than \(other), which has its name and key")
            }
        }
    }

    /// What was said of authorities' certificates is what the log has left.
    private mutating func checkRules(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var left = log.authorityRules
        try read(books.authorityRules, in: transaction) { audit, id, record in
            audit.expect(
                left.removeValue(forKey: id) == record.rules,
                "authority \(id) has other rules than the log has left it with")
        }
        for id in left.keys.sorted() { expect(false, "the rules of authority \(id) are not there") }
    }

    /// Which certificates devices may show is what the log has left.
    private mutating func checkPins(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var pinnings = log.pinnings
        try read(books.pinnings, in: transaction) { audit, id, record in
            audit.expect(
                pinnings.removeValue(forKey: id) == record.pinning,
                "authority \(id) has another pinning than the log has left it with")
        }
        for id in pinnings.keys.sorted() {
            expect(false, "the pinning of authority \(id) is not there")
        }
        var pins = log.pins
        try read(books.pins, in: transaction) { audit, identity, record in
            audit.expect(
                pins.removeValue(forKey: identity) == record.fingerprints,
                "\(identity) is pinned to other certificates than the log has left it with")
        }
        for identity in pins.keys.sorted(by: { "\($0)" < "\($1)" }) {
            expect(false, "the pins of \(identity) are not there")
        }
    }

    /// Lists of revoked certificates: those that the log has left, each with as many certificates as it says.
    private mutating func checkRevocations(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var named: [AuthorityID: UInt64] = [:]
        try read(books.revokedCertificates, in: transaction) { _, key, _ in
            named[key.first, default: 0] += 1
        }
        var left = log.revocations
        try read(books.revocationLists, in: transaction) { audit, id, list in
            let expected = left.removeValue(forKey: id)
            audit.expect(
                expected != nil, "table revocationLists: the log has not left that of \(id)")
            audit.expectEqual(
                list.count, expected ?? list.count,
                "how many certificates the list of authority \(id) has")
            audit.expectEqual(
                named.removeValue(forKey: id) ?? 0, list.count,
                "the certificates that authority \(id) has revoked")
        }
        for id in left.keys.sorted() {
            expect(false, "the list of revoked certificates of authority \(id) is not there")
        }
        for id in named.keys.sorted() {
            expect(false, "table revokedCertificates: authority \(id) has no list")
        }
    }
}
