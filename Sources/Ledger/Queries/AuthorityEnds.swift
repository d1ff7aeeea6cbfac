public import Storage
public import Time

/// When something of an account's authority ends.
public struct AuthorityEnd: Hashable, Sendable {
    public let account: AccountID
    public let authority: AuthorityID
    public let at: Timestamp
}

/// What ends first. Of an account's authorities with one name and one key the one whose certificate ends last counts.
public struct AuthorityEnds: Hashable, Sendable {
    /// Certificates of authorities that are on.
    public internal(set) var certificates: [AuthorityEnd] = []

    /// Lists of revoked certificates that say when the next one is due, of the same authorities.
    public internal(set) var lists: [AuthorityEnd] = []
}

extension Books {
    /// The first `limit` of each kind, in their order. All authorities are read: at most `authoritiesMaximum`.
    public func authorityEnds(
        limit: Int, in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> AuthorityEnds {
        var certificates: [Issuer: AuthorityEnd] = [:]
        var lists: [Issuer: AuthorityEnd] = [:]
        try authorities.forEach(in: transaction) { (id, record) throws(StoreError) in
            let issuer = Issuer(id, record)
            func end(_ time: Timestamp) -> AuthorityEnd {
                AuthorityEnd(account: record.account, authority: id, at: time)
            }
            if record.isOn, certificates[issuer].map({ $0.at < record.notAfter }) ?? true {
                certificates[issuer] = end(record.notAfter)
            }
            if let next = try revocationLists.get(id, in: transaction)?.nextUpdate {
                lists[issuer] = end(next)
            }
            return .proceed
        }
        func first(_ ends: [AuthorityEnd]) -> [AuthorityEnd] {
            Array(ends.sorted { ($0.at, $0.authority) < ($1.at, $1.authority) }.prefix(limit))
        }
        var ends = AuthorityEnds()
        ends.certificates = first(Array(certificates.values))
        ends.lists = first(lists.filter { certificates[$0.key] != nil }.map(\.value))
        return ends
    }
}

/// An account's name and key, which several authorities may have.
private struct Issuer: Hashable {
    private let account: AccountID
    private let nameAndKey: [UInt8]

    /// One whose certificate can't be read has nothing in common with others.
    init(_ id: AuthorityID, _ record: AuthorityRecord) {
        account = record.account
        nameAndKey = record.issuer.map(Array.init) ?? Array(id.text.utf8)
    }
}
