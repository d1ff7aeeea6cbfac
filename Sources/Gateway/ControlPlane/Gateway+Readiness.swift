import Ledger
public import Linux
import Metering
import Reactor
import Storage
import Synchronization

extension Gateway {
    /// Free space below which nothing new is promised, in bytes.
    private static var freeSpaceMinimum: Int { 64 << 20 }

    /// How full a map may be, of what it may become.
    static var mapUsedMaximum: Double { 0.8 }

    /// How long a shard may take for a turn before it is called stuck, in milliseconds. One without
    /// work begins a turn every second.
    private static var pauseMaximumMilliseconds: Int64 { 3_000 }

    public func readiness() async -> Readiness {
        let isRunning = condition.withLock { $0 == .running }
        return Readiness(checks: [
            Readiness.Check(name: "listeners", problem: isRunning ? nil : "closed"),
            Readiness.Check(
                name: "ledger-writable",
                problem: ledger.figures.failure.map { "\($0)" }
            ),
            Readiness.Check(
                name: "usage-writable",
                problem: usage.writerFigures.failure.map { "\($0)" }
            ),
            Readiness.Check(name: "clock", problem: commons.clock.doubt.map { "\($0)" }),
            Readiness.Check(name: "disk-space", problem: diskProblem()),
            Readiness.Check(name: "map-space", problem: mapProblem()),
            Readiness.Check(name: "descriptors", problem: descriptorProblem()),
            Readiness.Check(name: "connections", problem: connectionProblem()),
            Readiness.Check(name: "loop-lag", problem: lagProblem(isRunning: isRunning)),
            certificateChecks(),
            Readiness.Check(name: "cluster", problem: clusterProblem()),
            Readiness.Check(name: "uplink", warning: commons.uplink.problem),
            Readiness.Check(name: "draining", problem: isRunning ? nil : "shutting down"),
        ])
    }

    /// Whether each shard has begun a turn after that time, by the clock that the gateway runs with. One without work
    /// begins a turn every second.
    public func haveShardsTurned(since time: MonotonicInstant) -> Bool {
        commons.heartbeats.haveAllTurned(since: time)
    }

    private func diskProblem() -> String? {
        do throws(FileError) {
            let free = try FileSystem.freeBytes(at: configuration.data)
            return free < Self.freeSpaceMinimum ? "\(free >> 20) MiB free" : nil
        } catch {
            return "\(error)"
        }
    }

    private func mapProblem() -> String? {
        for (name, figures) in [("ledger", ledger.environment.figures), ("usage", usage.figures)]
        where figures.usedRatio > Self.mapUsedMaximum {
            return "the map of \(name) is \(Int(figures.usedRatio * 100)) % full"
        }
        return nil
    }

    /// Descriptors that must be left, and how long a connection that found none is spoken of.
    private static var freeDescriptorsMinimum: Int { 8 }
    private static var shortageMilliseconds: Int64 { 10_000 }

    private func descriptorProblem() -> String? {
        if let ago = commons.heartbeats.millisecondsSinceShortage(at: time.monotonic),
            ago < Self.shortageMilliseconds
        {
            return "none of \(descriptors.limit) was left for a connection"
        }
        if descriptors.isShort, isFull {
            return "the limit of \(descriptors.limit) leaves room for "
                + "\(descriptors.connections) connections, which are open"
        }
        do throws(Errno) {
            let open = try ProcessLimits.openFiles()
            guard open > descriptors.limit - Self.freeDescriptorsMinimum else { return nil }
            return "\(open) of \(descriptors.limit) are open"
        } catch {
            return "they can't be counted: \(error)"
        }
    }

    private func connectionProblem() -> String? {
        guard !descriptors.isShort, isFull else { return nil }
        return "as many as limits.connections allows are open: \(descriptors.connections)"
    }

    /// Whether a shard has as many connections as it may.
    private var isFull: Bool {
        commons.heartbeats.mostConnections >= commons.limits.connectionsPerShard
    }

    private func lagProblem(isRunning: Bool) -> String? {
        guard isRunning, case .system = time else { return nil }
        let pause = commons.heartbeats.longestPause(at: time.monotonic)
        guard pause > Self.pauseMaximumMilliseconds else { return nil }
        return "a shard has not answered for \(pause) ms"
    }
}
