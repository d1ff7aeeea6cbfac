import Glibc
import Randomness

/// Numbers and bytes from a seed .
public struct RecordRandom: Sendable {
    private var numbers: SplitMix64

    public init(seed: UInt64) { numbers = SplitMix64(seed: seed) }

    /// `TOLLGATE_SEED`, which repeats a run; else another one each time in `make torture`, and always the same in
    /// `make test`, where a change is to be judged by what it changes.
    public static var seed: UInt64 {
        if let given = number("TOLLGATE_SEED") { return given }
        let isTorture = number("RECORD_COUNT") != nil || number("RECORD_CONNECTIONS") != nil
        return isTorture ? .random(in: 0...UInt64.max) : 20_261_128
    }

    /// The number that a variable of the environment holds.
    public static func number(_ variable: String) -> UInt64? {
        // Safe: nothing in the tests changes the environment.
        guard let text = unsafe getenv(variable) else { return nil }
        return unsafe UInt64(String(cString: text))
    }

    public mutating func next() -> UInt64 { numbers.next() }

    public mutating func next(below limit: Int) -> Int { Int(next() % UInt64(limit)) }

    public mutating func byte() -> UInt8 { UInt8(truncatingIfNeeded: next()) }

    public mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in byte() } }

    /// Changes a few bytes, or leaves some out, or says some twice.
    public mutating func mutate(_ bytes: inout [UInt8]) {
        let place = next(below: bytes.count)
        switch next(below: 4) {
        case 0: bytes[place] ^= 1 << UInt8(next(below: 8))
        case 1: bytes[place] = byte()
        case 2: bytes.removeSubrange(place..<min(place + 1 + next(below: 30), bytes.count))
        default: bytes.insert(contentsOf: bytes[place..<min(place + 20, bytes.count)], at: place)
        }
        if bytes.isEmpty { bytes = [23] }
    }

    /// The bytes in pieces, few or many.
    public mutating func cut(_ bytes: [UInt8]) -> [[UInt8]] {
        var longest = [1, 4, 30, 2_000, 100_000][next(below: 5)]
        if bytes.count > 8_000 { longest = max(longest, 2_000) }
        var pieces: [[UInt8]] = []
        var offset = 0
        while offset < bytes.count {
            let end = min(offset + 1 + next(below: longest), bytes.count)
            pieces.append(Array(bytes[offset..<end]))
            offset = end
        }
        return pieces
    }
}
