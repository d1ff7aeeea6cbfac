import Randomness

/// Chance that a seed repeats.
struct Dice: RandomNumberGenerator {
    private var numbers: SplitMix64

    init(seed: UInt64) { numbers = SplitMix64(seed: seed) }

    mutating func next() -> UInt64 { numbers.next() }

    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }
    mutating func isLucky(_ share: Double) -> Bool {
        Double.random(in: 0..<1, using: &self) < share
    }
}
