public import Bytes
public import Encoding
public import Time

/// Names a top-up pack, and is where it is filed: the packs of an account are in the order in which
/// they are drawn from, the one that expires first in front (rule C6).
public struct TopUpPlace: Hashable, Sendable {
    public let account: AccountID
    public let kind: TopUpKind

    /// The first instant at which nothing can be drawn from it any more.
    public let expiresAt: Timestamp

    /// The number of the event that made the pack.
    public let id: UInt64

    public init(account: AccountID, kind: TopUpKind, expiresAt: Timestamp, id: UInt64) {
        self.account = account
        self.kind = kind
        self.expiresAt = expiresAt
        self.id = id
    }

    public func hasExpired(at time: Timestamp) -> Bool { time >= expiresAt }
}

/// Account, kind, expiry, id.
extension TopUpPlace: StorageKey {
    public func encode(into writer: inout KeyWriter) {
        account.encode(into: &writer)
        kind.encode(into: &writer)
        expiresAt.encode(into: &writer)
        id.encode(into: &writer)
    }

    public init?(decoding reader: inout ByteReader) {
        guard let account = AccountID(decoding: &reader), let kind = TopUpKind(decoding: &reader),
            let expiresAt = Timestamp(decoding: &reader), let id = UInt64(decoding: &reader)
        else { return nil }
        self.init(account: account, kind: kind, expiresAt: expiresAt, id: id)
    }
}
