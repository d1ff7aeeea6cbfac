internal import MQTT
internal import Telemetry

extension Report {
    /// All of it as one line of JSON, for programs. Latencies are in milliseconds, sizes in bytes; what was not measured
    /// is `null`.
    public var json: String {
        let members: [(String, JSONValue)] = [
            ("scenario", .text(plan.scenario.rawValue)),
            ("server", .text(plan.serverText)),
            ("plan", planJSON),
            ("done", .integer(outcome.done)),
            ("seconds", .number(outcome.seconds)),
            ("perSecond", .number(outcome.donePerSecond)),
            ("opened", .integer(outcome.prepared)),
            ("openingSeconds", .number(outcome.openingSeconds)),
            ("resumed", .integer(outcome.resumed)),
            ("turnedAway", .integer(outcome.turnedAway)),
            ("reconnected", .integer(outcome.reconnected)),
            ("interrupted", .bool(outcome.isInterrupted)),
            ("failed", .integer(outcome.failed)),
            ("failures", .array(sortedFailures.map(Self.json))),
            ("latency", Self.json(outcome.requests)),
            ("openingLatency", Self.json(outcome.openings)),
            ("latencyErrorAtMost", .number(1.0 / 1_024)),
        ]
        return JSONValue.object(members + costsJSON).text
    }

    private var planJSON: JSONValue {
        .object([
            ("connections", .integer(plan.connections)),
            ("concurrency", .integer(plan.concurrency)),
            ("rate", JSONValue(plan.rate)),
            ("rampSeconds", .number(plan.rampSeconds)),
            ("qos", plan.scenario.publishes ? .integer(Int(plan.qos.rawValue)) : .null),
            ("payloadBytes", plan.scenario.publishes ? .integer(plan.payloadBytes) : .null),
            ("window", plan.scenario.publishes ? .integer(plan.window) : .null),
            ("tls", .bool(plan.transport.tls != nil)),
            ("resumesTLS", .bool(plan.transport.isResuming)),
            ("webSocket", .bool(plan.transport.webSocket != nil)),
            ("mqtt", .text(plan.version == .v5 ? "5" : "3.1.1")),
            ("threads", .integer(plan.threads)),
        ])
    }

    private var costsJSON: [(String, JSONValue)] {
        [
            ("serverCPUSeconds", JSONValue(outcome.server.map { Double($0.nanoseconds) / 1e9 })),
            ("serverCPUMicrosecondsEach", JSONValue(outcome.serverMicrosecondsPerRequest)),
            ("serverBytesBefore", JSONValue(outcome.server?.bytesBefore)),
            ("serverBytesAfter", JSONValue(outcome.server?.bytesAfter)),
            ("serverBytesPerConnection", JSONValue(outcome.serverBytesPerConnection)),
            ("ownCPUSeconds", .number(Double(outcome.ownNanoseconds) / 1e9)),
            ("ownCPUMicrosecondsEach", JSONValue(outcome.ownMicrosecondsPerRequest)),
            ("samples", .array(outcome.samples.map(Self.json))),
        ]
    }

    private static func json(_ failure: (key: LoadFailure, value: Int)) -> JSONValue {
        .object([("reason", .text(failure.key.text)), ("count", .integer(failure.value))])
    }

    private static func json(_ snapshot: PreciseHistogramSnapshot) -> JSONValue {
        guard snapshot.count > 0 else { return .null }
        let quantiles = quantiles.map { quantile in
            (
                quantile.name,
                JSONValue(snapshot.quantile(quantile.fraction).map { Double($0) / 1e6 })
            )
        }
        return .object(
            [("count", .integer(Int(snapshot.count)))] + quantiles + [
                ("most", .number(Double(snapshot.highest) / 1e6)),
                ("mean", JSONValue(snapshot.mean.map { $0 / 1e6 })),
            ])
    }

    private static func json(_ sample: Sample) -> JSONValue {
        .object([
            ("seconds", .number(sample.seconds)), ("measured", .bool(sample.isMeasured)),
            ("done", .integer(sample.done)), ("failed", .integer(sample.failed)),
            ("open", .integer(sample.open)), ("p50", JSONValue(sample.median)),
            ("p99", JSONValue(sample.highPercentile)),
            ("serverProcessors", .number(sample.serverProcessors)),
            ("serverBytes", .integer(sample.serverBytes)),
        ])
    }
}
