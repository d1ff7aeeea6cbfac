import Randomness

/// Numbers from a seed.
public struct Dice: RandomNumberGenerator, Sendable {
    private var numbers: SplitMix64

    public init(seed: UInt64) { numbers = SplitMix64(seed: seed) }

    public mutating func next() -> UInt64 { numbers.next() }

    public mutating func number(below bound: Int) -> Int {
        Int.random(in: 0..<bound, using: &self)
    }
}
