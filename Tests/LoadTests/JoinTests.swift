import Foundation
import Processes
import Linux
import Support
import Telemetry
import Testing
import Time

@testable import Load

/// Reports of several runs that are told as one.
@Suite(.waits) struct JoinTests {
    private func outcome(_ report: LoadProgram.Result) throws -> Outcome {
        try JSONDecoder().decode(Outcome.self, from: Data(report.output.utf8))
    }

    @Test("Two processes load one gateway from one instant on, and their joint report is exact")
    func processes() throws {
        let program = try LoadProgram()
        let gateway = try LoadedGateway(program)
        let prepared = try program.load(
            "activate", "--url", gateway.url("local"), "--fleet", "fleet.csv", "--prepare", "40",
            "--api", gateway.api, "--token-file", "data/admin.token", "--count", "40", "--quiet")
        try #require(prepared.code == 0, "\(prepared.errors)")
        let start = Timestamp(milliseconds: Timestamp.now().milliseconds / 1_000 * 1_000 + 8_000)
        let runs = try ["0", "20"].map { first in
            try program.start(
                "tollgate-load",
                [
                    "publish", "--url", gateway.url("local"), "--fleet", "fleet.csv", "--first",
                    first, "--count", "20", "--rate", "1000", "--seconds", "2", "--json",
                    "--start-at", "\(start)", "--server-pid", "\(gateway.processIdentifier)",
                ])
        }
        let reports = try runs.enumerated().map { number, run in
            run.process.waitUntilExit()
            let result = LoadProgram.Result(
                code: run.process.terminationStatus, output: run.output(), errors: run.errors())
            #expect(result.code == 0, "\(result.errors)")
            try Data(result.output.utf8).write(
                to: program.directory.appending(path: "\(number).json"))
            return result
        }
        let parts = try reports.map(outcome)
        for part in parts {
            let late = part.times.started.milliseconds - start.milliseconds
            #expect(late >= -1, "\(late) ms")
            #expect(abs((part.times.lateSeconds ?? -1) * 1_000 - Double(max(0, late))) < 50)
            #expect(part.done == 2_000)
        }
        let joint = try program.load("join", "0.json", "1.json", "--json", "--html", "page.html")
        #expect(joint.code == 0, "\(joint.errors)")
        #expect(joint.integer("done") == 4_000 && joint.integer("opened") == 40)
        var merged = parts[0].requests
        merged.merge(parts[1].requests)
        let told = try outcome(joint)
        #expect(told.requests == merged && merged.count == 4_000)
        let latency = try #require(joint.json["latency"] as? [String: Any])
        for (name, fraction) in Report.quantiles {
            let value = try #require(merged.quantile(fraction))
            #expect(latency[name] as? Double == Double(value) / 1e6)
        }
        #expect(told.times.togetherSeconds > 0.2 && told.times.seconds < 6)
        #expect(told.plan.rate == 2_000 && told.plan.connections == 40)
        // Both have watched one process: its time is not counted twice.
        let times = parts.compactMap { $0.server?.nanoseconds }
        #expect(times.count == 2 && told.server?.nanoseconds == times.max())
        let sampled = parts.map { $0.samples.reduce(0) { $0 + $1.done } }
        #expect(told.samples.reduce(0) { $0 + $1.done } == sampled.reduce(0, +))
        let text = try program.load("join", "0.json", "1.json")
        #expect(text.output.contains("40 clients, QoS 1, 64 bytes, window 1, of 2 runs"))
        #expect(text.output.contains("all at one time for "), "\(text.output)")
        #expect(text.output.contains("Nothing failed."))
        let page = try String(
            contentsOf: program.directory.appending(path: "page.html"), encoding: .utf8)
        #expect(page.contains("<svg") && page.contains("of 2 runs"))
        try refusals(program, gateway)
    }

    private func refusals(_ program: LoadProgram, _ gateway: LoadedGateway) throws {
        let other = try program.shell(
            """
            tollgate-load publish --url \(gateway.url("local")) --fleet fleet.csv --count 2 --qos 2 --rate 100 \
            --seconds 0.1 --json --quiet >qos2.json
            sed 's/"runs":..[0-9a-f]*/"runs":["x/; s/"histogram":"[^"]*/"histogram":"AAAA/' 0.json >broken.json
            tollgate-load join 0.json 1.json --json >joint.json; echo '{"a":1}' >other.json; echo x >text.json
            """)
        try #require(other.code == 0, "\(other.errors)")
        for (files, text) in [
            ("0.json qos2.json", "0.json and qos2.json are not of one load: QoS 1 and 2"),
            ("0.json 0.json", "0.json has a run that is in 0.json already"),
            ("joint.json 1.json", "1.json has a run that is in joint.json already"),
            ("other.json", "other.json is no report of tollgate-load --json: scenario is missing"),
            ("text.json", "text.json is no report of tollgate-load --json: it is no JSON"),
            ("broken.json", "broken.json is no report of tollgate-load --json: latency.histogram"),
        ] {
            let result = try program.shell("tollgate-load join \(files)")
            #expect(result.code == 2, "\(files): \(result.errors)")
            #expect(result.errors.contains(text), "\(files): \(result.errors)")
        }
    }

    @Test(
        "Connections are held until the start; a run that is late says so, and one that waits can be ended"
    )
    func waiting() throws {
        let program = try LoadProgram()
        let gateway = try LoadedGateway(program)
        let fleet = "--url \(gateway.url("local")) --fleet fleet.csv"
        let late = try program.shell(
            """
            tollgate-load activate \(fleet) --prepare 10 --api \(gateway.api) --token-file data/admin.token --count 10 \
            --quiet >prepared && tollgate-load idle \(fleet) --count 10 --rate 2 --seconds 0.1 --quiet \
            --start-at $(date -d '3 seconds' +%s)
            """)
        #expect(late.code == 0, "\(late.errors)")
        #expect(late.output.contains("LATE: began "), "\(late.output)")
        let hour = Timestamp(milliseconds: Timestamp.now().milliseconds + 3_600_000)
        let run = try program.start(
            "tollgate-load",
            [
                "publish", "--url", gateway.url("local"), "--fleet", "fleet.csv", "--count", "10",
                "--rate", "100", "--start-at", "\(hour)",
            ])
        let isWaiting = Patience.awaits { run.errors().contains("10 connected") }
        #expect(isWaiting)
        kill(run.process.processIdentifier, SIGINT)
        run.process.waitUntilExit()
        #expect(run.process.terminationStatus == 1)
        #expect(run.output().contains("INTERRUPTED"), "\(run.output())")
        #expect(run.output().contains("Nothing failed."), "\(run.output())")
    }

    // MARK: without a gateway

    private func made(
        _ name: String,
        at milliseconds: Int64 = 0,
        values: [UInt64] = [],
        change: (inout Outcome) -> Void = { _ in }
    ) throws -> Outcome {
        let histogram = PreciseHistogram()
        for value in values { histogram.record(value) }
        let sample = Sample(
            seconds: 2, isMeasured: true, interval: 2, done: values.count, failed: 0, open: 5,
            median: 1, highPercentile: 2, serverProcessors: 0.5, serverBytes: 100)
        let plan = LoadPlan(
            scenario: .publish, server: SocketAddress(.loopbackIPv4, port: 1),
            serverText: "mqtt://a",
            transport: Transport(), identities: .fleet([]), connections: 5, concurrency: 5,
            seconds: 2, topic: try #require(Template("t")))
        let began = Timestamp(milliseconds: 1_700_000_000_000 + milliseconds)
        var outcome = Outcome(
            plan: PlanSummary(plan), runs: [name], requests: histogram.snapshot(),
            openings: .init(), failures: ["x": 1], samples: [sample], done: values.count,
            prepared: 5, resumed: 0, turnedAway: 0, reconnected: 0,
            times: .init(
                began: began, started: began, openingSeconds: 0, seconds: 2, togetherSeconds: 2,
                lateSeconds: nil),
            server: nil, ownNanoseconds: 7_000_000_000, isInterrupted: false)
        change(&outcome)
        return outcome
    }

    private func joined(_ outcomes: Outcome...) throws(JoinError) -> Outcome {
        try Outcome.joined(
            outcomes.enumerated().map { NamedOutcome(name: "\($0)", outcome: $1) })
    }

    @Test("A histogram is what it was when it has been written and read, whatever is in it")
    func histograms() throws {
        var generator = SystemRandomNumberGenerator()
        for size in [0, 1, 2, 500, 20_000] {
            let histogram = PreciseHistogram()
            for _ in 0..<size {
                let bits = UInt64.random(in: 1...45, using: &generator)
                histogram.record(
                    .random(in: 0..<1 << bits, using: &generator),
                    times: .random(in: 1...300, using: &generator))
            }
            let snapshot = histogram.snapshot()
            #expect(HdrEncoding.counts(of: HdrEncoding.text(of: snapshot)) == snapshot.counts)
            // Of what is no histogram, none is made.
            let bytes = (0..<size).map { _ in UInt8.random(in: 0...255, using: &generator) }
            _ = HdrEncoding.counts(of: Data(bytes).base64EncodedString())
        }
        let large = PreciseHistogram()
        large.record(3, times: 1 << 49)
        #expect(HdrEncoding.counts(of: HdrEncoding.text(of: large.snapshot()))?[3] == 1 << 49)
    }

    @Test("The report of a run is read as what it was written from")
    func written() throws {
        let outcome = try made("a", values: [1, 5_000, 1 << 42]) { outcome in
            outcome.server = .init(
                processes: ["m/1"], nanoseconds: 5_000_000, bytesBefore: 1, bytesAfter: 2)
            outcome.times.lateSeconds = 0.5
            outcome.plan.rate = 100
        }
        let text = Report(outcome).json
        let read = try JSONDecoder().decode(Outcome.self, from: Data(text.utf8))
        #expect(Report(read).json == text)
        #expect(read.requests == outcome.requests && read.server == outcome.server)
    }

    @Test("Counts are added up, and the time is from the first beginning to the last end")
    func sums() throws {
        let joint = try joined(
            made("a", values: [1, 2, 3]), made("b", at: 1_000, values: [9]),
            made("c", at: 500, values: [4, 4]))
        #expect(joint.done == 6 && joint.requests.count == 6 && joint.requests.highest == 9)
        #expect(joint.failures == ["x": 3] && joint.prepared == 15)
        #expect(joint.times.seconds == 3 && joint.times.togetherSeconds == 1)
        #expect(joint.donePerSecond == 2)
        #expect(joint.ownNanoseconds == 21_000_000_000)
        #expect(joint.samples.map(\.done).reduce(0, +) == 6)
        #expect(joint.samples.map(\.seconds) == [2, 3])
        #expect(Report(joint).text.contains("NOT TOGETHER: all at one time for 1.00 of 3.00 s"))
        let again = try joined(joint, made("d", values: [7]))
        #expect(again.done == 7 && again.runs == ["a", "b", "c", "d"])
        // Days apart, which no axis has a place for each second of.
        let apart = try joined(made("a"), made("b", at: 86_400_000 * 300))
        #expect(apart.times.togetherSeconds == 0 && apart.samples.count <= 2_001)
    }

    @Test("Runs that did not do the same are not told as one")
    func differences() throws {
        let first = try made("a")
        for (change, text) in [
            ({ $0.plan.scenario = .soak }, "publish and soak"),
            ({ $0.plan.message?.payloadBytes = 1 }, "payloads of 64 and 1 bytes"),
            ({ $0.plan.message?.window = 2 }, "windows of 1 and 2 messages"),
            ({ $0.plan.rate = 5 }, "flat out and paced"),
            ({ $0.plan.rampSeconds = 5 }, "ramps of 0 and 5.00 s"),
            ({ $0.plan.isTLS = true }, "with TLS and without"),
            ({ $0.plan.mqtt = "3.1.1" }, "MQTT 5 and 3.1.1"),
        ] as [((inout Outcome) -> Void, String)] {
            let other = try made("b", change: change)
            let error = JoinError(text: "0 and 1 are not of one load: \(text)")
            if text == "with TLS and without" {
                #expect(throws: JoinError.self) { _ = try joined(first, other) }
            } else {
                #expect(throws: error) { _ = try joined(first, other) }
            }
        }
        #expect(throws: JoinError.self) { _ = try joined(first, first) }
        #expect(throws: JoinError.self) { _ = try joined() }
    }

    @Test("A server that two runs have watched is counted once, and two servers are added up")
    func servers() throws {
        func watched(_ name: String, _ processes: Set<String>, _ nanoseconds: Int64) throws
            -> Outcome
        {
            try made(name) { outcome in
                outcome.server = .init(
                    processes: processes, nanoseconds: nanoseconds,
                    bytesBefore: Int(nanoseconds), bytesAfter: 2 * Int(nanoseconds))
            }
        }
        let once = try joined(watched("a", ["m/1"], 5), watched("b", ["m/1"], 7), made("c"))
        #expect(
            once.server
                == .init(processes: ["m/1"], nanoseconds: 7, bytesBefore: 5, bytesAfter: 14))
        #expect(once.samples.first?.serverBytes == 100)
        let both = try joined(watched("a", ["m/1"], 5), watched("b", ["n/1"], 7))
        #expect(both.server?.nanoseconds == 12 && both.samples.first?.serverBytes == 200)
        #expect(throws: JoinError.self) {
            _ = try joined(watched("a", ["m/1"], 5), watched("b", ["m/1", "m/2"], 7))
        }
    }
}
