/// The serials that a product has consumed, as its lots and its place in them say: one bit each, to
/// find one that occurs twice or should not occur.
struct ConsumedSerials {
    private var ranges: [(first: UInt64, quantity: UInt64, offset: UInt64)] = []
    private var seen: [UInt64] = []

    private(set) var count: UInt64 = 0

    /// Adds a range; they may come in any order.
    mutating func add(first: UInt64, quantity: UInt64) {
        guard quantity > 0 else { return }
        ranges.append((first, quantity, 0))
        count &+= quantity
    }

    /// Orders the ranges; no `add` afterwards.
    ///
    /// - Parameter limit: how many serials can be taken at all: when the ranges say more, they are
    ///   damaged, and it is not noticed when one of those too many comes twice.
    mutating func seal(atMost limit: Int) {
        ranges.sort { $0.first < $1.first }
        var offset: UInt64 = 0
        for index in ranges.indices {
            ranges[index].offset = offset
            offset &+= ranges[index].quantity
        }
        seen = [UInt64](repeating: 0, count: Int(min(count, UInt64(limit)) + 63) / 64)
    }

    /// Whether the serial is among the ranges, and comes for the first time.
    mutating func take(_ serial: UInt64) -> Bool {
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].first <= serial { low = middle + 1 } else { high = middle }
        }
        guard low > 0, serial - ranges[low - 1].first < ranges[low - 1].quantity else {
            return false
        }
        let position = ranges[low - 1].offset &+ (serial - ranges[low - 1].first)
        guard position / 64 < UInt64(seen.count) else { return true }
        let bit = UInt64(1) << (position % 64)
        if seen[Int(position / 64)] & bit != 0 { return false }
        seen[Int(position / 64)] |= bit
        return true
    }
}
