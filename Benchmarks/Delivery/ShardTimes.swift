import Foundation

/// How long the shards of the gateway in this process have been on a processor, from
/// `/proc/self/task/TID/schedstat`. The load's own threads do not count.
struct ShardTimes {
    let nanoseconds: UInt64

    static func now() throws -> ShardTimes {
        let tasks = URL(filePath: "/proc/self/task")
        var sum: UInt64 = 0
        for thread in try FileManager.default.contentsOfDirectory(atPath: tasks.path) {
            let place = tasks.appending(path: thread)
            let name = try String(contentsOf: place.appending(path: "comm"), encoding: .utf8)
            guard name.hasPrefix("shard-") else { continue }
            let times = try String(contentsOf: place.appending(path: "schedstat"), encoding: .utf8)
            sum += times.split(separator: " ").first.flatMap { UInt64($0) } ?? 0
        }
        return ShardTimes(nanoseconds: sum)
    }

    func microseconds(since earlier: ShardTimes, per count: Int) -> Double {
        Double(nanoseconds - earlier.nanoseconds) / 1_000 / Double(count)
    }
}
