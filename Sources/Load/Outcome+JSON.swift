internal import Telemetry
internal import Time

/// Reads what `Report.json` has written.
extension Outcome: Decodable {
    private enum Key: String, CodingKey {
        case scenario, servers, runs, plan, began, started, lateSeconds, togetherSeconds
        case done, seconds, opened, openingSeconds, resumed, turnedAway, reconnected, interrupted
        case failures, latency, openingLatency, ownCPUSeconds, samples
        case serverProcesses, serverCPUSeconds, serverBytesBefore, serverBytesAfter
    }

    private struct Failed: Decodable {
        let reason: String
        let count: Int
    }

    /// - Throws: `DecodingError` when a member is missing, or has a value that no run can have.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Key.self)
        func count(_ key: Key) throws -> Int {
            let value = try values.decode(Int.self, forKey: key)
            return try Self.checked(value, values, key) { (0...1 << 50).contains(value) }
        }
        func seconds(_ key: Key) throws -> Double {
            let value = try values.decode(Double.self, forKey: key)
            return try Self.checked(value, values, key) { (0...1e9).contains(value) }
        }
        func time(_ key: Key) throws -> Timestamp {
            let time = Timestamp(try values.decode(String.self, forKey: key))
            return try Self.checked(time ?? Timestamp(milliseconds: 0), values, key) { time != nil }
        }
        plan = try PlanSummary(
            scenario: values.decode(Scenario.self, forKey: .scenario),
            servers: values.decode([String].self, forKey: .servers),
            from: values.superDecoder(forKey: .plan))
        runs = try values.decode([String].self, forKey: .runs)
        requests = try values.decodeIfPresent(Latency.self, forKey: .latency)?.snapshot ?? .init()
        openings =
            try values.decodeIfPresent(Latency.self, forKey: .openingLatency)?.snapshot ?? .init()
        failures = [:]
        for failed in try values.decode([Failed].self, forKey: .failures) {
            _ = try Self.checked(failed, values, .failures) { (0...1 << 50).contains(failed.count) }
            failures[failed.reason] = failed.count
        }
        samples = try values.decode([Sample].self, forKey: .samples)
        done = try count(.done)
        prepared = try count(.opened)
        resumed = try count(.resumed)
        turnedAway = try count(.turnedAway)
        reconnected = try count(.reconnected)
        times = try Times(
            began: time(.began), started: time(.started),
            openingSeconds: seconds(.openingSeconds), seconds: seconds(.seconds),
            togetherSeconds: seconds(.togetherSeconds),
            lateSeconds: values.decodeNil(forKey: .lateSeconds) ? nil : seconds(.lateSeconds))
        ownNanoseconds = Int64(try seconds(.ownCPUSeconds) * 1e9)
        isInterrupted = try values.decode(Bool.self, forKey: .interrupted)
        let processes = Set(try values.decode([String].self, forKey: .serverProcesses))
        server =
            processes.isEmpty
            ? nil
            : ServerCost(
                processes: processes,
                nanoseconds: Int64((try seconds(.serverCPUSeconds) * 1e9).rounded()),
                bytesBefore: try count(.serverBytesBefore), bytesAfter: try count(.serverBytesAfter)
            )
    }

    private static func checked<Value, Name: CodingKey>(
        _ value: Value,
        _ values: KeyedDecodingContainer<Name>,
        _ key: Name,
        _ isRight: () -> Bool
    ) throws -> Value {
        guard isRight() else {
            throw DecodingError.dataCorruptedError(
                forKey: key, in: values, debugDescription: "no run has that")
        }
        return value
    }

    /// A histogram, and what it has not: the sum of its values, and the highest.
    private struct Latency: Decodable {
        let snapshot: PreciseHistogramSnapshot

        private enum Key: String, CodingKey {
            case histogram, sumNanoseconds, mostNanoseconds
        }

        init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: Key.self)
            let counts = HdrEncoding.counts(
                of: try values.decode(String.self, forKey: .histogram))
            let snapshot = PreciseHistogramSnapshot(
                restoring: counts ?? [],
                sum: try values.decode(UInt64.self, forKey: .sumNanoseconds),
                highest: try values.decode(UInt64.self, forKey: .mostNanoseconds))
            guard let snapshot else {
                throw DecodingError.dataCorruptedError(
                    forKey: .histogram, in: values, debugDescription: "no histogram of a run")
            }
            self.snapshot = snapshot
        }
    }
}

extension PlanSummary {
    private enum Key: String, CodingKey {
        case connections, concurrency, rate, rampSeconds, qos, payloadBytes, window
        case tls, resumesTLS, webSocket, mqtt, threads
    }

    init(scenario: Scenario, servers: [String], from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Key.self)
        func count(_ key: Key) throws -> Int {
            let value = try values.decode(Int.self, forKey: key)
            guard (0...1 << 50).contains(value) else {
                throw DecodingError.dataCorruptedError(
                    forKey: key, in: values, debugDescription: "no run has that")
            }
            return value
        }
        self.scenario = scenario
        self.servers = servers
        connections = try count(.connections)
        concurrency = try count(.concurrency)
        rate = try values.decodeIfPresent(Double.self, forKey: .rate)
        rampSeconds = try values.decode(Double.self, forKey: .rampSeconds)
        guard (rate ?? 0).magnitude < 1e12, (0...1e9).contains(rampSeconds) else {
            throw DecodingError.dataCorruptedError(
                forKey: .rate, in: values, debugDescription: "no run has that")
        }
        message =
            scenario.publishes
            ? MessageShape(
                qos: try count(.qos), payloadBytes: try count(.payloadBytes),
                window: try count(.window)) : nil
        isTLS = try values.decode(Bool.self, forKey: .tls)
        isResuming = try values.decode(Bool.self, forKey: .resumesTLS)
        isWebSocket = try values.decode(Bool.self, forKey: .webSocket)
        mqtt = try values.decode(String.self, forKey: .mqtt)
        threads = try count(.threads)
    }
}

extension Sample: Decodable {
    private enum Key: String, CodingKey {
        case seconds, interval, measured, done, failed, open, p50, p99, serverProcessors
        case serverBytes
    }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Key.self)
        try self.init(
            seconds: values.decode(Double.self, forKey: .seconds),
            isMeasured: values.decode(Bool.self, forKey: .measured),
            interval: values.decode(Double.self, forKey: .interval),
            done: values.decode(Int.self, forKey: .done),
            failed: values.decode(Int.self, forKey: .failed),
            open: values.decode(Int.self, forKey: .open),
            median: values.decodeIfPresent(Double.self, forKey: .p50),
            highPercentile: values.decodeIfPresent(Double.self, forKey: .p99),
            serverProcessors: values.decode(Double.self, forKey: .serverProcessors),
            serverBytes: values.decode(Int.self, forKey: .serverBytes))
        let isRight =
            (0...1e9).contains(seconds) && (0...1e9).contains(interval)
            && [done, failed, open, serverBytes].allSatisfy { (-1 << 50...1 << 50).contains($0) }
            && (0...1e9).contains(median ?? 0) && (0...1e9).contains(highPercentile ?? 0)
            && serverProcessors.magnitude < 1e9
        guard isRight else {
            throw DecodingError.dataCorruptedError(
                forKey: .seconds, in: values, debugDescription: "no run has such a sample")
        }
    }
}
