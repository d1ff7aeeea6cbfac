internal import MQTT

/// What a report says of what was planned: of one run, or of several that are told together.
public struct PlanSummary: Sendable, Equatable {
    public var scenario: Scenario

    /// As the servers were named: one, unless runs of several servers are joined.
    public var servers: [String]

    /// Connections in all (`connect`, `activate`), or at one time.
    public var connections: Int
    public var concurrency: Int

    /// Requests a second; `nil`: flat out.
    public var rate: Double?
    public var rampSeconds: Double

    /// Of messages; `nil` where there are none.
    public var message: MessageShape?
    public var isTLS: Bool
    public var isResuming: Bool
    public var isWebSocket: Bool

    /// `3.1.1` or `5`.
    public var mqtt: String
    public var threads: Int

    /// What is published.
    public struct MessageShape: Sendable, Equatable {
        public var qos: Int
        public var payloadBytes: Int
        public var window: Int
    }

    init(_ plan: LoadPlan) {
        scenario = plan.scenario
        servers = [plan.serverText]
        connections = plan.connections
        concurrency = plan.concurrency
        rate = plan.rate
        rampSeconds = plan.rampSeconds
        message =
            plan.scenario.publishes
            ? MessageShape(
                qos: Int(plan.qos.rawValue), payloadBytes: plan.payloadBytes, window: plan.window)
            : nil
        isTLS = plan.transport.tls != nil
        isResuming = plan.transport.isResuming
        isWebSocket = plan.transport.webSocket != nil
        mqtt = plan.version == .v5 ? "5" : "3.1.1"
        threads = plan.threads
    }

    /// Takes in another run's plan, which does not differ.
    mutating func add(_ other: PlanSummary) {
        for server in other.servers where !servers.contains(server) { servers.append(server) }
        connections += other.connections
        concurrency += other.concurrency
        if let more = other.rate { rate = (rate ?? 0) + more }
        threads += other.threads
    }

    /// What keeps the runs of two plans from being told as one, in words: `QoS 1 and 2`. `nil`: nothing.
    func difference(from other: PlanSummary) -> String? {
        if scenario != other.scenario {
            return "\(scenario.rawValue) and \(other.scenario.rawValue)"
        }
        if let message, let others = other.message {
            if message.qos != others.qos { return "QoS \(message.qos) and \(others.qos)" }
            if message.payloadBytes != others.payloadBytes {
                return "payloads of \(message.payloadBytes) and \(others.payloadBytes) bytes"
            }
            if message.window != others.window {
                return "windows of \(message.window) and \(others.window) messages"
            }
        }
        if (rate == nil) != (other.rate == nil) { return "flat out and paced" }
        if rampSeconds != other.rampSeconds {
            return
                "ramps of \(Report.number(rampSeconds)) and \(Report.number(other.rampSeconds)) s"
        }
        if isTLS != other.isTLS { return "with TLS and without" }
        if isResuming != other.isResuming { return "with --resume and without" }
        if isWebSocket != other.isWebSocket { return "over WebSockets and without" }
        return mqtt == other.mqtt ? nil : "MQTT \(mqtt) and \(other.mqtt)"
    }
}
