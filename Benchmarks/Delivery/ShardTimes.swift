import Foundation

/// How long each shard of the gateways in this process has been on a processor, from
/// `/proc/self/task/TID/schedstat`. The load's own threads do not count.
struct ShardTimes {
    /// By thread.
    private let nanoseconds: [String: UInt64]

    static func now() throws -> ShardTimes {
        let tasks = URL(filePath: "/proc/self/task")
        var found: [String: UInt64] = [:]
        for thread in try FileManager.default.contentsOfDirectory(atPath: tasks.path) {
            let place = tasks.appending(path: thread)
            // A thread that has ended since it was listed is none of the gateway that is measured.
            guard let name = read(place, "comm"), name.hasPrefix("shard-"),
                let times = read(place, "schedstat")
            else { continue }
            found[thread] = times.split(separator: " ").first.flatMap { UInt64($0) }
        }
        return ShardTimes(nanoseconds: found)
    }

    private static func read(_ place: URL, _ name: String) -> String? {
        try? String(contentsOf: place.appending(path: name), encoding: .utf8)
    }

    func microseconds(since earlier: ShardTimes, per count: Int) -> Double {
        let passed = nanoseconds.reduce(UInt64(0)) { sum, entry in
            sum + entry.value - min(entry.value, earlier.nanoseconds[entry.key] ?? entry.value)
        }
        return Double(passed) / 1_000 / Double(count)
    }
}
