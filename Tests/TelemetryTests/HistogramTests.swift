import Telemetry
import Testing

@Suite struct HistogramTests {
    @Test("Every value lies in its bucket, and the bucket is at most 1/32 as wide as the value")
    func relativeError() {
        var values: [UInt64] = Array(0..<5_000)
        for octave in 12..<41 as Range<UInt64> {
            let base: UInt64 = 1 << octave
            values += [base - 1, base, base + 1, base + base / 3, base + base / 2, 2 * base - 1]
        }
        for value in values {
            let bucket = HistogramScale.bucket(of: value)
            let lowest = HistogramScale.lowest(in: bucket)
            let highest = HistogramScale.highest(in: bucket)
            #expect(lowest <= value && value <= highest)
            #expect((highest - lowest) * 32 <= value)
        }
    }

    @Test("Buckets follow each other without a gap, and the last takes all that is above")
    func continuity() {
        for bucket in 0..<HistogramScale.bucketCount - 1 {
            let highest = HistogramScale.highest(in: bucket)
            #expect(HistogramScale.bucket(of: highest) == bucket)
            #expect(HistogramScale.bucket(of: highest + 1) == bucket + 1)
        }
        #expect(HistogramScale.bucketCount == 1_184)
        #expect(HistogramScale.bucket(of: 1 << 41) == HistogramScale.bucketCount - 1)
        #expect(HistogramScale.bucket(of: .max) == HistogramScale.bucketCount - 1)
    }

    @Test("The precise scale has three significant digits, and no gap")
    func precise() {
        var value: UInt64 = 1
        while value < 1 << 41 {
            let bucket = PreciseHistogramScale.bucket(of: value)
            let lowest = PreciseHistogramScale.lowest(in: bucket)
            let highest = PreciseHistogramScale.highest(in: bucket)
            #expect(lowest <= value && value <= highest)
            #expect((highest - lowest) * 1_024 <= value)
            #expect(PreciseHistogramScale.bucket(of: highest + 1) == bucket + 1)
            value += value / 97 + 1
        }
        #expect(PreciseHistogramScale.bucketCount == 32_768)
        #expect(PreciseHistogramScale.bucket(of: .max) == PreciseHistogramScale.bucketCount - 1)
    }

    @Test("What came since an earlier snapshot is the difference")
    func difference() {
        let histogram = PreciseHistogram()
        histogram.record(5)
        let earlier = histogram.snapshot()
        histogram.record(1_000)
        histogram.record(1_001)
        let fresh = histogram.snapshot().since(earlier)
        #expect(fresh.count == 2 && fresh.sum == 2_001)
        #expect(fresh.quantile(0.5) == 1_000)
        #expect(fresh.quantile(1) == 1_001)
    }

    @Test("A quantile is never less than the exact one, and at most 1/32 more")
    func quantiles() throws {
        let histogram = Histogram()
        // Squares, so that the values are unevenly spread: 1, 4, 9, … 10^8.
        let values = (1...10_000).map { UInt64($0 * $0) }
        for value in values.reversed() { histogram.record(value) }
        let snapshot = histogram.snapshot()
        for fraction in [0, 0.001, 0.1, 0.25, 0.5, 0.9, 0.99, 0.999, 1] {
            let exact = values[max(0, Int((fraction * 10_000).rounded(.up)) - 1)]
            let estimate = try #require(snapshot.quantile(fraction))
            #expect(estimate >= exact && (estimate - exact) * 32 <= exact)
        }
        #expect(snapshot.count == 10_000 && snapshot.highest == 100_000_000)
        #expect(snapshot.sum == values.reduce(0, +))
    }

    @Test("The highest value is exact, in the last bucket too")
    func highest() {
        let histogram = Histogram()
        #expect(histogram.snapshot().quantile(0.5) == nil && histogram.snapshot().mean == nil)
        histogram.record(1 << 50)
        #expect(histogram.snapshot().quantile(1) == 1 << 50)
        #expect(histogram.snapshot().count(upTo: 1 << 50) == 1)
        #expect(histogram.snapshot().count(upTo: 1 << 49) == 0)
    }

    @Test("Snapshots add up, and weights count as often as they say")
    func merge() {
        let (first, second, both) = (Histogram(), Histogram(), Histogram())
        first.record(10)
        second.record(70_000, times: 3)
        both.record(10)
        for _ in 0..<3 { both.record(70_000) }
        var sum = HistogramSnapshot()
        sum.merge(first.snapshot())
        sum.merge(second.snapshot())
        #expect(sum == both.snapshot())
        #expect(sum.mean == 52_502.5)
    }
}
