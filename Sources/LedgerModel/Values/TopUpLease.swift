public import Time

/// Units of a message pack that their holder may use without asking again (rule C6). They are no
/// longer left in the pack; the holder settles what it used, or is taken to have used all.
public struct TopUpLease: Hashable, Sendable {
    /// The number of the event that made it.
    public let id: UInt64
    public let account: AccountID

    /// The id of the pack.
    public let pack: UInt64
    public let units: UInt64

    /// When the pack expires: from then on no unit may be used.
    public let expiresAt: Timestamp

    public init(id: UInt64, account: AccountID, pack: UInt64, units: UInt64, expiresAt: Timestamp) {
        self.id = id
        self.account = account
        self.pack = pack
        self.units = units
        self.expiresAt = expiresAt
    }
}
