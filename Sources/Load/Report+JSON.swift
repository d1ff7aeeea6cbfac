internal import Telemetry
internal import Time

extension Report {
    /// All of it as one line of JSON, for programs. Latencies are in milliseconds, sizes in bytes; what was not measured
    /// is `null`. `Outcome` is decoded from it.
    public var json: String {
        let times = outcome.times
        let members: [(String, JSONValue)] = [
            ("scenario", .text(plan.scenario.rawValue)),
            ("server", .text(plan.servers.joined(separator: ", "))),
            ("servers", .array(plan.servers.map(JSONValue.text))),
            ("runs", .array(outcome.runs.map(JSONValue.text))),
            ("plan", planJSON),
            ("began", .text("\(times.began)")),
            ("started", .text("\(times.started)")),
            ("lateSeconds", JSONValue(times.lateSeconds)),
            ("togetherSeconds", .number(times.togetherSeconds)),
            ("done", .integer(outcome.done)),
            ("seconds", .number(outcome.seconds)),
            ("perSecond", .number(outcome.donePerSecond)),
            ("opened", .integer(outcome.prepared)),
            ("openingSeconds", .number(times.openingSeconds)),
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
            ("qos", JSONValue(plan.message?.qos)),
            ("payloadBytes", JSONValue(plan.message?.payloadBytes)),
            ("window", JSONValue(plan.message?.window)),
            ("tls", .bool(plan.isTLS)),
            ("resumesTLS", .bool(plan.isResuming)),
            ("webSocket", .bool(plan.isWebSocket)),
            ("mqtt", .text(plan.mqtt)),
            ("threads", .integer(plan.threads)),
        ])
    }

    private var costsJSON: [(String, JSONValue)] {
        [
            (
                "serverProcesses",
                .array((outcome.server?.processes ?? []).sorted().map(JSONValue.text))
            ),
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

    private static func json(_ failure: (key: String, value: Int)) -> JSONValue {
        .object([("reason", .text(failure.key)), ("count", .integer(failure.value))])
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
                // In nanoseconds, and exactly.
                ("sumNanoseconds", .unsigned(snapshot.sum)),
                ("mostNanoseconds", .unsigned(snapshot.highest)),
                ("histogram", .text(HdrEncoding.text(of: snapshot))),
            ])
    }

    private static func json(_ sample: Sample) -> JSONValue {
        .object([
            ("seconds", .number(sample.seconds)), ("interval", .number(sample.interval)),
            ("measured", .bool(sample.isMeasured)),
            ("done", .integer(sample.done)), ("failed", .integer(sample.failed)),
            ("open", .integer(sample.open)), ("p50", JSONValue(sample.median)),
            ("p99", JSONValue(sample.highPercentile)),
            ("serverProcessors", .number(sample.serverProcessors)),
            ("serverBytes", .integer(sample.serverBytes)),
        ])
    }
}
