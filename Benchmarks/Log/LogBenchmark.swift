import JetStream
import Linux
import Replication
import Synchronization

/// Measures a log in JetStream: appends of 128 bytes and 50 KiB, 1, 4 and 64 in flight; then a follower that
/// reads all. `Benchmarks/log.sh` starts servers for it.
@main
enum LogBenchmark {
    static func main() {
        let words = CommandLine.arguments.dropFirst()
        guard let seconds = words.first.flatMap({ Double($0) }), words.count >= 3,
            let replicas = Int(words[words.startIndex + 1])
        else { return print("usage: LogBenchmark SECONDS REPLICAS URL...") }
        do {
            var settings = JetStreamSettings(
                servers: Array(words.dropFirst(2)), stream: "BENCHMARK", subject: "benchmark")
            settings.replicas = replicas
            settings.appendMilliseconds = 5_000
            let log = try JetStreamLog(settings)
            print("standing: \(log.standing)")
            for (bytes, inFlight) in [(128, 1), (128, 4), (128, 64), (51_200, 1), (51_200, 4)] {
                append(bytes, inFlight, seconds, to: log)
            }
            try follow(log)
            log.close()
        } catch {
            print("\(error)")
        }
    }

    private struct Progress {
        var underWay = 0
        var failures = 0
        var nanoseconds: [Int64] = []
    }

    /// Keeps so many entries in flight.
    private static func append(
        _ bytes: Int, _ inFlight: Int, _ seconds: Double, to log: any CommandLog
    ) {
        let entry = [UInt8](repeating: 7, count: bytes)
        let progress = Monitor(Progress())
        let start = MonotonicInstant.now()
        let end = start.adding(milliseconds: Int64(seconds * 1_000))
        while MonotonicInstant.now() < end {
            progress.wait { progress -> Void? in
                guard progress.underWay < inFlight else { return nil }
                progress.underWay += 1
                return ()
            }
            let began = MonotonicInstant.now()
            log.append(entry) { result in
                let duration = MonotonicInstant.now().nanoseconds(since: began)
                progress.change { progress in
                    progress.underWay -= 1
                    switch result {
                    case .success: progress.nanoseconds.append(duration)
                    case .failure: progress.failures += 1
                    }
                }
            }
        }
        progress.wait { progress in progress.underWay == 0 ? () : nil }
        let elapsed = Double(MonotonicInstant.now().nanoseconds(since: start)) / 1e9
        let times = progress.look { $0.nanoseconds }.sorted()
        guard !times.isEmpty else { return print("\(bytes) B: no entry was acknowledged") }
        func milliseconds(_ share: Double) -> Double {
            let time = times[min(times.count - 1, Int(Double(times.count) * share))]
            return Double(time / 10_000) / 100
        }
        let failures = progress.look { $0.failures }
        print(
            "\(bytes) B, \(inFlight) in flight: \(Int(Double(times.count) / elapsed)) entries/s, "
                + "p50 \(milliseconds(0.5)) ms, p99 \(milliseconds(0.99)) ms"
                + (failures == 0 ? "" : ", \(failures) not acknowledged"))
    }

    private static func follow(_ log: any CommandLog) throws {
        let last = try log.position()
        let start = MonotonicInstant.now()
        let follower = try log.follow(from: 0)
        var count: UInt64 = 0
        var bytes = 0
        while count < last {
            var entries: [LogEntry] = []
            guard try follower.take(upTo: 512, into: &entries) else { return }
            count += UInt64(entries.count)
            bytes += entries.reduce(0) { $0 + $1.bytes.count }
        }
        let elapsed = Double(MonotonicInstant.now().nanoseconds(since: start)) / 1e9
        print(
            "a follower: \(count) entries, \(Int(Double(count) / elapsed))/s, "
                + "\(Int(Double(bytes) / elapsed / 1e6)) MB/s")
    }
}
