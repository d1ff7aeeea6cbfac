/// The end of a lease, for the ledger: how many of its units were used.
public struct TopUpSettlement: Equatable, Sendable {
    /// The lease's id.
    public let lease: UInt64
    public let used: UInt64

    /// Units that go back to their pack.
    public let returned: UInt64

    public init(lease: UInt64, used: UInt64, returned: UInt64) {
        self.lease = lease
        self.used = used
        self.returned = returned
    }
}
