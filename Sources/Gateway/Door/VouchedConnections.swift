/// By which books connections were let in that accounts' authorities have vouched for, by slot: eight bytes for each, once
/// the first one has come.
struct VouchedConnections {
    private var sequences: [UInt64] = []

    /// The books had that event last when they were asked.
    mutating func note(_ slot: UInt32, _ sequence: UInt64) {
        let missing = Int(slot) + 1 - sequences.count
        if missing > 0 { sequences.append(contentsOf: repeatElement(0, count: missing)) }
        sequences[Int(slot)] = sequence
    }

    /// Of the connection that was let in there last; 0 of none.
    func sequence(_ slot: UInt32) -> UInt64 {
        slot < sequences.count ? sequences[Int(slot)] : 0
    }
}
