public import Time

/// What a command does with top-up packs (rule C6).
public enum TopUpAction: Hashable, Sendable {
    /// A new pack for the account: 1 to `Books.topUpMaximum` units, which expire after now.
    case enter(
        AccountID, TopUpKind, source: TopUpSource, quantity: UInt64, expiresAt: Timestamp)

    /// Units of the account's message pack that expires first, for a holder who counts in memory:
    /// at least `needed` if the pack has as many left, else what it has; up to `block`, but no more
    /// than a quarter of what the account has, so that nobody sits on the last ones.
    case lease(AccountID, holder: LeaseHolder, needed: UInt64, block: UInt64)

    /// The holder used so many of the lease's units; the others go back to the pack, or expire with
    /// it. The lease ends.
    case settle(lease: UInt64, used: UInt64)

    /// The holder is gone: what it leased counts as used, so that a crash never grants more than was
    /// bought. At most `limit` leases, the oldest first.
    case abandon(holder: LeaseHolder, limit: UInt32)

    /// Closes packs that have expired with units left, the earliest first, at most `limit` of them.
    case expire(limit: UInt32)
}
