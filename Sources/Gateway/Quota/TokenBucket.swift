import Ledger
import Linux

/// A token bucket that knows when it is full again, which is all that there is to know of it (the generic cell rate
/// algorithm, ITU-T I.371). In nanoseconds, so that nothing is lost between two looks.
struct TokenBucket: Sendable {
    private let perSecond: Int64

    /// How long an empty bucket takes to fill.
    private let depth: Int64
    private var fullAt: Int64 = 0

    /// A full one.
    init(_ rate: Rate) {
        perSecond = Int64(rate.perSecond)
        depth = Int64(rate.burst) * 1_000_000_000 / perSecond
    }

    /// When so many tokens are there, in nanoseconds of the monotonic clock; what is more than the bucket holds goes when
    /// it is full.
    func due(_ tokens: Int) -> Int64 { fullAt + min(cost(tokens), depth) - depth }

    /// Takes tokens that are there, or more than there are from a full bucket.
    mutating func take(_ tokens: Int, at now: Int64) {
        fullAt = max(fullAt, now) + cost(tokens)
    }

    func isFull(at now: Int64) -> Bool { fullAt <= now }

    /// Puts them back.
    mutating func giveBack(_ tokens: Int) { fullAt -= cost(tokens) }

    private func cost(_ tokens: Int) -> Int64 { Int64(tokens) * 1_000_000_000 / perSecond }
}
