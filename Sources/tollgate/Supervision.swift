import Gateway
import Glibc
import Linux
import Logging

/// Tells the service manager that has started the gateway how it is, as `sd_notify(3)` describes it: that it serves,
/// reads its certificates again, ends; and, when it asks for that, that each shard's loop still turns.
final class Supervision: Sendable {
    private let socket: NotifySocket
    private let logger: Logger

    /// In microseconds; `nil` when no sign of life is asked for.
    private let watchdog: Int64?
    private let watch = Monitor(Watch())

    private struct Watch {
        var isBegun = false
        var isOver = false

        /// Whether it had begun before.
        mutating func begin() -> Bool {
            defer { isBegun = true }
            return isBegun
        }
    }

    /// A shard without work turns once a second, and a sign of life is looked for four times within the limit.
    private static let watchdogMinimum: Int64 = 2_000_000

    /// How long the process may take to start anew, in microseconds.
    private static let beginningMaximum: Int64 = 600_000_000

    /// `nil` when the variables ask for nothing: NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
    init?(_ environment: [String: String], _ logger: Logger) {
        guard let name = environment["NOTIFY_SOCKET"] else { return nil }
        do throws(Errno) {
            socket = try NotifySocket(name)
        } catch {
            logger.warning("NOTIFY_SOCKET: \(name): \(error): the service manager is told nothing")
            return nil
        }
        self.logger = logger
        let isForUs = environment["WATCHDOG_PID"].map { $0 == "\(getpid())" } ?? true
        watchdog = isForUs ? environment["WATCHDOG_USEC"].flatMap { Int64($0) } : nil
        if let watchdog, watchdog < Self.watchdogMinimum {
            logger.warning(
                "the watchdog's limit is less than 2 s: an idle gateway may be taken for dead")
        }
    }

    /// The listeners and the API serve, or the certificates have been read again.
    func isReady() {
        // One that began anew has been given more time.
        tell("READY=1" + (watchdog.map { "\nWATCHDOG_USEC=\($0)" } ?? ""))
    }

    func isReloading() {
        let now = MonotonicInstant.now().nanoseconds / 1_000
        tell("RELOADING=1\nMONOTONIC_USEC=\(now)")
    }

    /// It ends: no sign of life is looked for any more.
    func isStopping() {
        watch.change { $0.isOver = true }
        tell("STOPPING=1")
    }

    /// The same process begins anew: for the manager it has not ended.
    func beginsAnew() {
        watch.change { $0.isOver = true }
        if watchdog != nil { tell("WATCHDOG_USEC=\(Self.beginningMaximum)") }
    }

    /// From here on gives a sign of life as often as all shards have turned since the last one, on a thread of its own:
    /// nothing that the API is busy with keeps it.
    func look(after gateway: Gateway) throws(Errno) {
        guard let watchdog, !watch.change({ $0.begin() }) else { return }
        let pause = max(1, watchdog / 4) * 1_000
        let watch = watch
        _ = try Linux.Thread(name: "watchdog") { [self] in
            var last = MonotonicInstant.now()
            while watch.wait(
                until: .now().adding(nanoseconds: pause), for: { $0.isOver ? () : nil }) == nil
            {
                guard gateway.haveShardsTurned(since: last) else { continue }
                last = .now()
                tell("WATCHDOG=1")
            }
        }
    }

    private func tell(_ message: String) {
        do throws(Errno) {
            try socket.send(message)
        } catch {
            logger.warning(
                "the service manager can't be told \(message.prefix { $0 != "=" }): \(error)")
        }
    }
}
