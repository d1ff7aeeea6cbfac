/// Rule A1: `total = used + remaining`; unassigned codes are part of remaining. Codes that went with
/// a deleted product unconsumed (rule B9) are in none of them.
public struct AccountFigures: Hashable, Sendable {
    public let total: UInt64
    public let used: UInt64
    public let remaining: UInt64
    public let unassigned: UInt64
}
