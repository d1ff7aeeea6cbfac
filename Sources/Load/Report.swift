internal import Telemetry

/// What a run has measured, as text for people.
public struct Report: Sendable {
    let outcome: Outcome
    let plan: PlanSummary

    public init(_ outcome: Outcome) {
        self.outcome = outcome
        plan = outcome.plan
    }

    /// The fractions of all requests that latencies are told for, and their names.
    public static let quantiles: [(name: String, fraction: Double)] = [
        ("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("p99.99", 0.9999),
    ]

    /// All of it, without the last line's end.
    public var text: String {
        (head + work + latencies + server + failures).joined(separator: "\n")
    }

    /// What was done to which server.
    public var title: String {
        "\(plan.scenario.rawValue) against \(plan.servers.joined(separator: ", ")): "
            + "\(Self.many(plan.connections)) \(subject)"
            + (isJoint ? ", of \(outcome.runs.count) runs" : "")
    }

    /// Whether it tells several runs as one.
    private var isJoint: Bool { outcome.runs.count > 1 }

    private var subject: String {
        switch plan.scenario {
        case .connect, .activate: "connections, \(Self.many(plan.concurrency)) at a time"
        case .idle, .storm: "clients"
        case .publish, .soak:
            plan.message.map {
                "clients, QoS \($0.qos), \(Self.many($0.payloadBytes)) bytes, window \($0.window)"
            } ?? "clients"
        }
    }

    /// How requests were paced, and what that says of their latency.
    public var pace: String {
        guard let rate = plan.rate else {
            return
                "flat out: each request waits for the answer of one before, so a slow server is asked less. "
                + "For latencies, give a --rate."
        }
        let ramp = plan.rampSeconds > 0 ? ", reached after \(Self.number(plan.rampSeconds)) s" : ""
        return
            "paced: \(Self.number(rate)) a second\(ramp); latencies count from when a request was due"
    }

    /// What a request is.
    var request: String {
        switch plan.scenario {
        case .connect: "connections"
        case .activate: "activations"
        case .idle: "connections held"
        case .storm: "clients back"
        case .publish, .soak:
            plan.message?.qos == 0 ? "messages sent" : "messages acknowledged"
        }
    }

    private var head: [String] {
        [title, pace]
            + (outcome.isInterrupted ? ["INTERRUPTED: this is of the time until then"] : [])
            + togetherness + lateness + [""]
    }

    /// How long the runs went on together, and whether that was too short to tell them as one.
    private var togetherness: [String] {
        guard isJoint else { return [] }
        let (together, all) = (outcome.times.togetherSeconds, outcome.times.seconds)
        let text = "all at one time for \(Self.number(together)) of \(Self.number(all)) s"
        return together < 0.9 * all
            ? ["NOT TOGETHER: \(text), which the rate is of; begin them with one --start-at"]
            : [text]
    }

    private var lateness: [String] {
        guard let late = outcome.times.lateSeconds, late > 0.1 else { return [] }
        return [
            "LATE: began \(Self.number(late)) s after --start-at, as connections were being opened"
        ]
    }

    private var work: [String] {
        var lines: [String] = []
        if !plan.scenario.leavesAtOnce {
            lines.append(
                row(
                    "opened", "\(Self.many(outcome.prepared))",
                    "in \(Self.number(outcome.times.openingSeconds)) s"))
        }
        if plan.scenario != .idle {
            lines.append(
                row(
                    request, Self.many(outcome.done),
                    "in \(Self.number(outcome.seconds)) s: \(Self.number(outcome.donePerSecond)) a second"
                ))
        }
        if plan.isResuming {
            lines.append(row("TLS resumed", Self.many(outcome.resumed), ""))
        }
        if plan.scenario == .storm {
            lines.append(
                row("turned away", Self.many(outcome.turnedAway), "tried again within a second"))
        }
        if plan.scenario == .soak {
            lines.append(row("left and came back", Self.many(outcome.reconnected), ""))
        }
        return lines
    }

    private var latencies: [String] {
        var lines: [String] = []
        if outcome.requests.count > 0 {
            lines += ["", "latency in ms, to 0.1 %"] + Self.latencies(outcome.requests)
        }
        if outcome.openings.count > 0 {
            lines += ["", "latency of opening connections in ms, to 0.1 %"]
            lines += Self.latencies(outcome.openings)
        }
        return lines
    }

    private static func latencies(_ snapshot: PreciseHistogramSnapshot) -> [String] {
        var names = quantiles.map(\.name)
        var values = quantiles.map { milliseconds(snapshot.quantile($0.fraction)) }
        names += ["most", "mean"]
        values += [milliseconds(snapshot.highest), number((snapshot.mean ?? 0) / 1e6)]
        let widths = zip(names, values).map { max($0.count, $1.count) + 2 }
        return [names, values].map { cells in
            zip(cells, widths).map { padded($0, to: $1) }.joined()
        }
    }

    private var server: [String] {
        var lines = [""]
        if let server = outcome.server {
            lines.append(
                row(
                    "server CPU", "\(Self.number(Double(server.nanoseconds) / 1e9)) s",
                    outcome.serverMicrosecondsPerRequest.map {
                        "\(Self.number($0)) us for each of the \(request)"
                    } ?? ""))
            lines.append(
                row(
                    "server memory", "\(Self.bytes(server.bytesAfter))",
                    "\(Self.bytes(server.bytesBefore)) before the first connection"))
            if let each = outcome.serverBytesPerConnection {
                lines.append(row("for each connection", "\(Self.number(each)) bytes", ""))
            }
        }
        lines.append(
            row(
                "own CPU", "\(Self.number(Double(outcome.ownNanoseconds) / 1e9)) s",
                outcome.ownMicrosecondsPerRequest.map { "\(Self.number($0)) us for each" } ?? ""))
        return lines
    }

    /// The most frequent first.
    var sortedFailures: [(key: String, value: Int)] {
        outcome.failures.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    }

    private var failures: [String] {
        guard outcome.failed > 0 else { return ["", "Nothing failed."] }
        return ["", "\(Self.many(outcome.failed)) failed"]
            + sortedFailures.map { "  \(Self.padded(Self.many($0.value), to: 10))  \($0.key)" }
    }

    private func row(_ name: String, _ value: String, _ rest: String) -> String {
        let line = "\(name)\(String(repeating: " ", count: max(1, 22 - name.count)))"
        return line + Self.padded(value, to: 12) + (rest.isEmpty ? "" : "  \(rest)")
    }

    // MARK: numbers

    static func padded(_ text: String, to width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }

    static func milliseconds(_ nanoseconds: UInt64?) -> String {
        nanoseconds.map { number(Double($0) / 1e6) } ?? "-"
    }

    /// In three digits at least, as far as there are so many: 0.123, 1.23, 12.3, 1,234.
    public static func number(_ value: Double) -> String {
        guard value.isFinite else { return "-" }
        if value == 0 { return "0" }
        let digits = abs(value) >= 100 ? 0 : abs(value) >= 10 ? 1 : abs(value) >= 1 ? 2 : 3
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let whole = Int((abs(value) * scale).rounded())
        let divisor = Int(scale)
        let sign = value < 0 && whole > 0 ? "-" : ""
        let integer = sign + many(whole / divisor)
        guard digits > 0 else { return integer }
        let fraction = String(whole % divisor)
        return "\(integer).\(String(repeating: "0", count: digits - fraction.count))\(fraction)"
    }

    /// With commas between thousands.
    public static func many(_ value: Int) -> String {
        let digits = String(value.magnitude)
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return value < 0 ? "-\(text)" : text
    }

    static func bytes(_ count: Int) -> String {
        count >= 10 << 20 ? "\(many(count >> 20)) MiB" : "\(many(count >> 10)) KiB"
    }
}
