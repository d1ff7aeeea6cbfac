/// When requests are due: number n of them so long after the start that `rate` a second have gone before it, whatever
/// the server did with those. A latency that is counted from there has the time in it that a request waited for the
/// ones before (no coordinated omission).
public struct Pacer: Sendable {
    /// Nanoseconds of the monotonic clock.
    public let start: Int64
    public let rate: Double
    public let rampSeconds: Double

    public init(start: Int64, rate: Double, rampSeconds: Double = 0) {
        precondition(rate > 0 && rampSeconds >= 0, "no such pace")
        self.start = start
        self.rate = rate
        self.rampSeconds = rampSeconds
    }

    /// How many requests the ramp has: the rate rises evenly, so they are half as many as without it.
    private var rampCount: Double { rate * rampSeconds / 2 }

    /// When the request is due, in nanoseconds of the monotonic clock.
    public func due(_ number: Int) -> Int64 {
        let number = Double(number)
        let seconds =
            number < rampCount
            ? (2 * rampSeconds * number / rate).squareRoot()
            : rampSeconds + (number - rampCount) / rate
        return start + Int64(seconds * 1e9)
    }

    /// How many requests are due before `instant`.
    public func count(before instant: Int64) -> Int {
        let seconds = Double(instant - start) / 1e9
        guard seconds > 0 else { return 0 }
        let passed =
            seconds < rampSeconds
            ? rate * seconds * seconds / (2 * rampSeconds)
            : rampCount + rate * (seconds - rampSeconds)
        // The nearest, and then exactly.
        var count = Int(passed)
        while due(count) < instant { count += 1 }
        while count > 0, due(count - 1) >= instant { count -= 1 }
        return count
    }
}
