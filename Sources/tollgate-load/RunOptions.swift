import ArgumentParser
import Glibc
import Linux
import Load
import TLS
import Time

/// How the run is watched and told.
struct RunOptions: ParsableArguments {
    @Option(help: "Threads that load the server.") var threads = 1
    @Option(
        name: .customLong("server-pid"),
        help: "A process of the server, whose CPU time and memory are read; may be repeated.")
    var serverProcesses: [Int32] = []
    @Option(
        help: ArgumentHelp(
            "When the measured part begins, with all connections open: 2026-11-30T08:00:00Z, or Unix seconds.",
            valueName: "time"))
    var startAt: String?
    @Flag(help: "JSON for programs.") var json = false
    @Option(help: "Write a page with plots there.") var html: String?
    @Flag(help: "Show no progress.") var quiet = false

    func startTime() throws(Failure) -> Timestamp? {
        guard let startAt else { return nil }
        let seconds = Int64(startAt).flatMap { (0...253_402_300_799).contains($0) ? $0 : nil }
        guard let time = seconds.map({ Timestamp(milliseconds: $0 * 1_000) }) ?? Timestamp(startAt)
        else {
            throw Failure(
                text:
                    "--start-at must be a time, 2026-11-30T08:00:00Z or Unix seconds, not '\(startAt)'",
                code: 2)
        }
        let wait = time.milliseconds - Timestamp.now().milliseconds
        guard wait > 0 else { throw Failure(text: "--start-at \(startAt) has passed", code: 2) }
        guard wait <= 86_400_000 else {
            throw Failure(text: "--start-at \(startAt) is more than a day away", code: 2)
        }
        return time
    }
}

/// How fast requests come.
struct PaceOptions: ParsableArguments {
    @Option(help: "Requests a second, of all clients; flat out without.") var rate: Double?
    @Option(help: "Seconds in which the rate rises from nothing.") var ramp = 0.0
}

/// What a scenario's options say of a plan, besides what all have.
struct Shape {
    var scenario: Scenario
    var connections: Int
    var concurrency: Int
    var seconds = 0.0
    var topic: String?
}

/// What all scenarios take.
struct CommonOptions: ParsableArguments {
    @OptionGroup var pace: PaceOptions
    @OptionGroup var identity: IdentityOptions
    @OptionGroup var server: ServerOptions
    @OptionGroup var watching: RunOptions
}

/// A scenario on the command line.
protocol ScenarioCommand: ParsableCommand {
    var common: CommonOptions { get }
    var shape: Shape { get }

    /// What only this scenario has.
    func complete(_ plan: inout LoadPlan) throws(Failure)
}

extension ScenarioCommand {
    private var pace: PaceOptions { common.pace }
    private var identity: IdentityOptions { common.identity }
    private var server: ServerOptions { common.server }
    private var watching: RunOptions { common.watching }

    func complete(_ plan: inout LoadPlan) throws(Failure) {}

    func run() throws {
        let run = try Self.read(try plan())
        Self.listenForInterruption()
        let outcome = try measure(run)
        try ReportOutput(isJSON: watching.json, html: watching.html).tell(outcome)
    }

    /// The first SIGINT or SIGTERM ends the run, and has it tell what it has measured; a second ends the program.
    private static func listenForInterruption() {
        guard !Interruption.isRequested else { return }
        var numbers = sigset_t()
        // Safe: each call works on the set, which is ours.
        unsafe sigemptyset(&numbers)
        for number in [SIGINT, SIGTERM] {
            unsafe sigaddset(&numbers, number)
            signal(number) { number in
                Interruption.request()
                signal(number, SIG_DFL)
            }
        }
        // A parent may have left them blocked.
        _ = unsafe pthread_sigmask(SIG_UNBLOCK, &numbers, nil)
    }

    /// All that can be wrong is found before devices are made, which costs codes.
    private func plan() throws(Failure) -> LoadPlan {
        // Making devices may outlast it.
        let startAt = try watching.startTime()
        if let count = try identity.willPrepare {
            let device = Device(productKey: [], deviceKey: [], secret: [])
            let plan = try plan(of: .fleet(Array(repeating: device, count: count)))
            if let templates = plan.transport.certificates,
                templates.certificate.needsDevice || templates.key.needsDevice
            {
                throw Failure(
                    text:
                        "--prepare makes devices whose names no certificate has yet, for %P and %D: prepare without "
                        + "--certificate, make the certificates, and run without --prepare", code: 2
                )
            }
            _ = try Self.read(plan)
            try Self.allow(plan)
        }
        var plan = try plan(of: try identity.identities())
        plan.startAt = startAt
        try Self.allow(plan)
        return plan
    }

    private func plan(of identities: Identities) throws(Failure) -> LoadPlan {
        let url = try ServerURL(server.url)
        let shape = shape
        let isFleet = !identity.noActivation
        var transport = try server.transport(url, isFleet: isFleet)
        if let path = url.path {
            let host = url.host.contains(":") ? "[\(url.host)]" : url.host
            transport.webSocket = (path, "\(host):\(url.port)")
        }
        var plan = LoadPlan(
            scenario: shape.scenario, server: try url.resolve(), serverText: server.url,
            transport: transport, identities: identities, connections: shape.connections,
            concurrency: shape.concurrency, seconds: shape.seconds,
            topic: try IdentityOptions.template(
                "--topic", shape.topic ?? (isFleet ? "d/%P/%D/up/t" : "load/%d"),
                needsClients: !isFleet))
        plan.version = try server.protocolVersion()
        plan.first = identity.first
        plan.rate = pace.rate
        plan.rampSeconds = pace.ramp
        plan.keepAliveSeconds = server.keepAlive
        plan.timeoutSeconds = server.timeout
        plan.sourceAddresses = server.sourceAddresses
        plan.threads = watching.threads
        plan.serverProcesses = watching.serverProcesses
        try complete(&plan)
        try check(plan)
        return plan
    }

    private func check(_ plan: LoadPlan) throws(Failure) {
        if let problem = plan.problem { throw Failure(text: problem, code: 2) }
        for process in plan.serverProcesses {
            do throws(Errno) {
                _ = try ProcessorTime.ofProcess(process)
            } catch {
                throw Failure(
                    text: "--server-pid \(process): there is no such process here", code: 2)
            }
        }
    }

    /// Sees to it that there are descriptors and ports enough.
    private static func allow(_ plan: LoadPlan) throws(Failure) {
        let needed = plan.descriptorsNeeded
        let limit: Int
        do throws(Errno) {
            limit = try ProcessLimits.raiseOpenFiles(to: needed)
        } catch {
            throw Failure(text: "the limit of open files: \(error)")
        }
        guard limit >= needed else {
            throw Failure(
                text:
                    "\(needed) open files are needed, and \(limit) are allowed: raise the limit (ulimit -n \(needed)), "
                    + "or ask for \(max(0, limit - 64)) connections", code: 2)
        }
    }

    /// Reads the certificates.
    private static func read(_ plan: LoadPlan) throws(Failure) -> LoadRun {
        do throws(TLSError) {
            return try LoadRun(plan)
        } catch {
            throw Failure(text: error.words, code: 2)
        }
    }

    private func measure(_ run: LoadRun) throws(Failure) -> Outcome {
        do throws(Errno) {
            return try run.run { sample in
                if !watching.quiet { Output.complain(sample.text) }
            }
        } catch {
            throw Failure(text: "the run could not be finished: \(error)")
        }
    }
}
