import Time

/// What the packet path touches of a device: plain numbers, without a reference to count.
struct Counter {
    /// The day that was counted last.
    var tally: Tally

    /// No later day has a count, in memory or in the store.
    var newestDay: Day

    /// Connections that hold it: two for a moment, when one displaces the other.
    var holders: UInt32 = 1

    /// Whether its slot is in the queue of dirty ones.
    var isListed: Bool
}
