internal import Time

/// Several runs' samples on one axis of time, which begins with the first connection of all.
struct SampleJoint {
    private(set) var samples: [Sample] = []

    private static let countMaximum = 2_000.0

    /// One run's samples, and how much later it began than the first, in seconds.
    private struct Line {
        let samples: [Sample]
        let offset: Double
        let hasServer: Bool

        var end: Double { offset + (samples.last?.seconds ?? 0) }

        /// What lies in a stretch of time, as far as samples overlap it: each one's counts are spread evenly over it.
        func count(_ path: KeyPath<Sample, Int>, from start: Double, to end: Double) -> Double {
            within(start, end).reduce(0) { sum, sample in
                let last = offset + sample.seconds
                let overlap = min(end, last) - max(start, last - sample.interval)
                return sum + Double(sample[keyPath: path]) * overlap / sample.interval
            }
        }

        func within(_ start: Double, _ end: Double) -> some Sequence<Sample> {
            samples.lazy.filter { sample in
                let last = offset + sample.seconds
                return sample.interval > 0 && last > start && last - sample.interval < end
            }
        }

        /// The one that a time is in.
        func sample(at time: Double) -> Sample? {
            guard time > offset, time <= end + 0.001 else { return nil }
            return samples.first { offset + $0.seconds >= time - 0.001 }
        }
    }

    /// - Parameter counted: of which runs the server's figures count; others read the same processes.
    init(_ outcomes: [Outcome], ofServer counted: [Bool]) {
        let began = outcomes.map(\.times.began.milliseconds).min() ?? 0
        let lines = zip(outcomes, counted).map { outcome, isCounted in
            Line(
                samples: outcome.samples,
                offset: Double(outcome.times.began.milliseconds - began) / 1_000,
                hasServer: isCounted)
        }
        let measuredFrom =
            outcomes.map { Double($0.times.started.milliseconds - began) / 1_000 }.min() ?? 0
        let end = lines.map(\.end).max() ?? 0
        let longest = outcomes.flatMap { $0.samples.map(\.interval) }.max() ?? 1
        let step = max(1, longest, end / Self.countMaximum)
        var start = 0.0
        // Carried on, so that what is rounded away in one sample is in the next.
        var (done, failed) = (0.0, 0.0)
        while start < end - 0.001 {
            let stop = min(start + step, end)
            let fresh = lines.reduce(0) { $0 + $1.count(\.done, from: start, to: stop) } + done
            let lost = lines.reduce(0) { $0 + $1.count(\.failed, from: start, to: stop) } + failed
            (done, failed) = (fresh - fresh.rounded(), lost - lost.rounded())
            samples.append(
                Self.sample(
                    lines, from: start, to: stop, isMeasured: stop > measuredFrom,
                    done: Int(fresh.rounded()), failed: Int(lost.rounded())))
            start = stop
        }
    }

    private static func sample(
        _ lines: [Line],
        from start: Double,
        to stop: Double,
        isMeasured: Bool,
        done: Int,
        failed: Int
    ) -> Sample {
        let last = lines.compactMap { $0.sample(at: stop) }
        let inside = lines.flatMap { Array($0.within(start, stop)) }
        let ofServer = lines.filter(\.hasServer).compactMap { $0.sample(at: stop) }
        return Sample(
            seconds: stop, isMeasured: isMeasured, interval: stop - start, done: done,
            failed: failed, open: last.reduce(0) { $0 + $1.open },
            median: inside.compactMap(\.median).max(),
            highPercentile: inside.compactMap(\.highPercentile).max(),
            serverProcessors: ofServer.reduce(0) { $0 + $1.serverProcessors },
            serverBytes: ofServer.reduce(0) { $0 + $1.serverBytes })
    }
}
