/// What a shard does to come by more top-up units; its end is told to the stock.
public enum TopUpErrand: Equatable, Sendable {
    /// Ask the ledger for a lease of at least so many units.
    case lease(needed: UInt64)

    /// Have the other shards give back what they hold.
    case recall
}
