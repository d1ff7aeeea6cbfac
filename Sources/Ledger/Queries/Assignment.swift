/// An entry of the assignment history (rule A3).
public struct Assignment: Hashable, Sendable {
    /// Number of its event.
    public let sequence: UInt64
    public let account: AccountID
    public let record: AssignmentRecord

    /// The product's name as it is now.
    public let productName: String
}
