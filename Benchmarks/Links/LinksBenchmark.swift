import JetStream
import LedgerModel
import Links
import Linux

/// Measures the links of two nodes in one process: batches there and back, one at a time, and as many as go
/// through one way. `Benchmarks/links.sh` starts servers for it; the nodes are on different ones, if there are some.
@main
enum LinksBenchmark {
    static func main() {
        let words = CommandLine.arguments.dropFirst()
        guard let seconds = words.first.flatMap({ Double($0) }), words.count >= 3 else {
            return print("usage: LinksBenchmark SECONDS SERVERS URL...")
        }
        do {
            try measure(seconds, Array(words.dropFirst(2)))
        } catch {
            print("\(error)")
        }
    }

    private struct Seen {
        var ups = 0
        var downs = 0
        var batches = 0
    }

    private static func measure(_ seconds: Double, _ urls: [String]) throws {
        let cluster = ClusterID(UInt128.random(in: 1...UInt128.max))
        let names = ["one", "two"].map { NodeName(checked: $0) }
        let seen = [Monitor(Seen()), Monitor(Seen())]
        let links = try [0, 1].map { index in
            let url = urls[min(index, urls.count - 1)]
            let settings = JetStreamSettings(servers: [url], stream: "NONE", subject: "none")
            let transport = try PeerSubjects(settings, cluster: cluster)
            let here = seen[index]
            return try Links(
                node: names[index], epoch: .random(in: 1...UInt64.max), over: transport,
                cluster: cluster
            ) { event in
                here.change { here in
                    switch event {
                    case .up: here.ups += 1
                    case .down: here.downs += 1
                    case .batch: here.batches += 1
                    }
                }
            }
        }
        for monitor in seen { _ = monitor.wait { $0.ups > 0 ? () : nil } }
        roundTrips(seconds, links, names, seen)
        for size in [200, 4_096, 65_536] { stream(seconds, size, links[0], names[1], seen[1]) }
        for (name, monitor) in zip(names, seen) {
            print("\(name): \(monitor.look { $0.downs }) links ended")
        }
        for peer in links[0].peers { print("resent: \(peer.resent)") }
        for link in links { link.close() }
    }

    private static func roundTrips(
        _ seconds: Double, _ links: [Links], _ names: [NodeName], _ seen: [Monitor<Seen>]
    ) {
        let batch = [UInt8](repeating: 7, count: 200)
        var times: [Int64] = []
        let end = MonotonicInstant.now().adding(milliseconds: Int64(seconds * 1_000))
        while MonotonicInstant.now() < end {
            let start = MonotonicInstant.now()
            for side in [0, 1] {
                let before = seen[1 - side].look { $0.batches }
                links[side].post(batch, to: names[1 - side])
                _ = seen[1 - side].wait { $0.batches > before ? () : nil }
            }
            times.append(MonotonicInstant.now().nanoseconds(since: start) / 2)
        }
        times.sort()
        func microseconds(_ share: Double) -> Int64 {
            times[min(times.count - 1, Int(Double(times.count) * share))] / 1_000
        }
        print(
            "one way, 200 B, one at a time: p50 \(microseconds(0.5)) us, p99 \(microseconds(0.99)) us, "
                + "of \(times.count)")
    }

    /// Posts as fast as goes, with at most 16 MiB on the way.
    private static func stream(
        _ seconds: Double, _ size: Int, _ link: Links, _ to: NodeName, _ seen: Monitor<Seen>
    ) {
        let batch = [UInt8](repeating: 7, count: size)
        let ahead = (16 << 20) / size
        let before = seen.look { $0.batches }
        let start = MonotonicInstant.now()
        let end = start.adding(milliseconds: Int64(seconds * 1_000))
        var posted = 0
        while MonotonicInstant.now() < end {
            let room = ahead - (posted - (seen.look { $0.batches } - before))
            guard room > 0 else {
                let wanted = before + posted - ahead / 2
                _ = seen.wait { $0.batches >= wanted ? () : nil }
                continue
            }
            for _ in 0..<min(room, 256) { link.post(batch, to: to) }
            posted += min(room, 256)
        }
        let all = before + posted
        _ = seen.wait(until: .now().adding(milliseconds: 30_000)) { seen in
            seen.batches >= all ? () : nil
        }
        let elapsed = Double(MonotonicInstant.now().nanoseconds(since: start)) / 1e9
        let arrived = Double(seen.look { $0.batches } - before)
        print(
            "one way, \(size) B: \(Int(arrived / elapsed)) batches/s, "
                + "\(Int(arrived * Double(size) / elapsed / 1e6)) MB/s"
                + (Int(arrived) == posted ? "" : ", \(posted - Int(arrived)) did not arrive"))
    }
}
