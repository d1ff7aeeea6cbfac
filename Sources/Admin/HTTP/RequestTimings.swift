import Linux
import Synchronization
import Telemetry

/// How often each operation was asked for, how it was answered, and how long that took until the answer began.
final class RequestTimings: Sendable {
    private struct Entry {
        /// In nanoseconds.
        let durations = Histogram()
        var statuses: [Int: UInt64] = [:]
    }

    /// By the operation's id.
    private let entries = Mutex<[String: Entry]>([:])

    func note(_ operation: String, since: MonotonicInstant, status: Int) {
        let passed = max(0, MonotonicInstant.now().nanoseconds(since: since))
        entries.withLock { entries in
            // Under the lock, so that there is one writer.
            entries[operation, default: Entry()].durations.record(UInt64(passed))
            entries[operation, default: Entry()].statuses[status, default: 0] += 1
        }
    }

    func write(into page: inout PrometheusText) {
        let known = entries.withLock { $0 }.sorted { $0.key < $1.key }
        page.begin(
            "tollgate_api_requests_total",
            help: "Requests by operation (the operationId of /openapi.json) and status.",
            kind: .counter)
        for (operation, entry) in known {
            for (status, count) in entry.statuses.sorted(by: { $0.key < $1.key }) {
                page.sample(
                    count,
                    labels: [
                        PrometheusLabel("operation", operation),
                        PrometheusLabel("status", "\(status)"),
                    ])
            }
        }
        page.begin(
            "tollgate_api_request_seconds", help: "Until the answer to a request began.",
            kind: .histogram)
        for (operation, entry) in known {
            page.latencies(
                entry.durations.snapshot(), labels: [PrometheusLabel("operation", operation)])
        }
    }
}
