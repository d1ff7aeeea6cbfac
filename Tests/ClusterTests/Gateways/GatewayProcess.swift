import Glibc
import Linux
import NATSServers
import Support

/// `tollgate serve` as a node of a cluster: killed, paused and started again on one data directory.
final class GatewayProcess {
    /// Of the log.
    static let stream = "CAMPAIGN"

    let name: String
    let host: IPAddress
    let port: UInt16
    private let place: NATSServers.Place
    private let apiPort: UInt16

    /// Of its API; `nil`: plain HTTP, which is for one machine alone.
    private let certificates: TestCertificates?
    private let directory: String
    private var process: ChildProcess?
    private(set) var isPaused = false

    /// What stands before its program.
    private let command: [String]

    /// What a process has said that ended by itself, or in a wrong way.
    private(set) var falls: [String] = []

    /// What each of its processes has logged.
    private(set) var logs: [String] = []

    init(
        _ index: Int, _ directory: String, _ place: NATSServers.Place, _ ports: [UInt16],
        _ certificates: TestCertificates?, under command: [String] = []
    ) {
        self.certificates = certificates
        self.command = command
        name = "n\(index + 1)"
        self.directory = "\(directory)/\(name)"
        self.place = place
        host = IPAddress(place.address) ?? .loopbackIPv4
        (port, apiPort) = (ports[0], ports[1])
    }

    var isRunning: Bool { process != nil }

    private var configuration: String { "\(directory)/tollgate.yaml" }
    private var secrets: String { "\(directory)/data.secrets" }
    var dataDirectory: String { "\(directory)/data" }

    // MARK: Made

    /// Writes its configuration.
    ///
    /// - Parameter sessionReplicas: on how many nodes its stored sessions are.
    func configure(_ servers: NATSServers, sessionReplicas: Int) throws {
        try GatewayFiles.makeDirectory(directory)
        try GatewayFiles.write("correct horse\n", to: "\(directory)/nats.password")
        try GatewayFiles.write(
            """
            shards: 2
            data: \(dataDirectory)
            admin: {address: \(place.address), port: \(apiPort), requestsPerSecond: 100000\(encryption)}
            activation: {secretLengthMinimum: 1}
            storage: {ledgerMapBytes: 268435456, usageMapBytes: 268435456}
            metering: {flushIntervalSeconds: \(GatewayCampaign.flushSeconds)}
            limits:
              queueMessages: 1000000
              queueBytes: 1073741824
              duplicatesPerMinute: 1000
              exemptNetworks: [127.0.0.0/8, 10.0.0.0/8]
            listeners:
              - {name: local, address: \(place.address), port: \(port), tls: false}
            cluster:
              node: \(name)
              stream: \(Self.stream)
              sessionReplicas: \(sessionReplicas)
              servers: [\(servers.urls.joined(separator: ", "))]
              user: tollgate
              passwordFile: \(directory)/nats.password
            """, to: configuration)
    }

    /// Begins the cluster.
    func found() throws { _ = try Self.succeed(place, ["cluster", "join", "--found"] + settings) }

    /// Takes the books from a node that serves, and the secrets that nodes have in common.
    func join(_ peer: GatewayProcess) throws {
        try GatewayFiles.makeDirectory(secrets)
        for file in ["device-secrets.key", "mint.key", "ticket.key", "admin.token"] {
            try GatewayFiles.copy("\(peer.secrets)/\(file)", to: "\(secrets)/\(file)")
        }
        _ = try Self.succeed(place, ["cluster", "join", "--from", peer.api] + trust + settings)
    }

    private var settings: [String] { ["--config", configuration] }
    private var api: String {
        "\(certificates == nil ? "http" : "https")://\(place.address):\(apiPort)"
    }
    private var encryption: String {
        guard let certificates else { return "" }
        return ", tls: {certificate: \(certificates.certificateFile), key: \(certificates.keyFile)}"
    }

    /// Of verbs that go to its API, or to a neighbour's.
    private var trust: [String] { certificates.map { ["--ca-file", $0.authorityFile] } ?? [] }

    // MARK: Running

    func start() throws {
        process = try Self.child(place, ["serve"] + settings, under: command)
    }

    /// Waits until its API is up.
    func awaitStart() throws {
        guard let process,
            process.waitForOutput(seconds: Patience.seconds, until: { $1.contains("API on ") })
        else { throw Failed(what: "\(name) does not start: \(process?.errors ?? "")") }
    }

    /// Takes what it has written, and sees whether it has ended by itself, which it should not.
    func drain() {
        guard let process else { return }
        let runs = process.isRunning
        _ = process.takeOutput()
        if runs { return }
        falls.append("\(name) has ended by itself: \(process.errors.suffix(2_000))")
        forget()
    }

    func kill() {
        noteCrash()
        process?.kill()
        forget()
    }

    /// One that crashes tells where, which takes a while. It may just have been about to be killed.
    private func noteCrash() {
        guard let process else { return }
        _ = process.takeOutput()
        guard process.errors.contains("*** Signal") else { return }
        _ = try? process.wait(seconds: Patience.seconds)
        falls.append("\(name) has crashed: \(process.errors.suffix(10_000))")
    }

    func pause() {
        process?.signal(SIGSTOP)
        isPaused = process != nil
    }

    func resume() {
        process?.signal(SIGCONT)
        isPaused = false
    }

    /// Asks it to end, and waits for that.
    func finish() throws {
        guard let process else { return }
        process.signal(SIGTERM)
        let ending = try process.wait(seconds: Patience.seconds)
        if ending.status != 0 {
            falls.append("\(name) ended with \(ending.status): \(ending.errors.suffix(2_000))")
        }
        forget()
    }

    private func forget() {
        if let process {
            _ = process.takeOutput()
            logs.append(process.errors)
        }
        process = nil
        isPaused = false
    }

    /// What all of its processes have logged up to now.
    var log: String { (logs + [process?.errors ?? ""]).joined(separator: "--- killed\n") }

    // MARK: Asked

    /// Runs a verb against it.
    func run(_ arguments: [String], input: String? = nil) throws -> ChildProcess.Ending {
        let rest = ["--api", api, "--token-file", "\(secrets)/admin.token"] + trust
        let child = try Self.child(
            NATSServers.Place(), arguments + rest, takesInput: input != nil)
        if let input { try child.write(Array(input.utf8)) }
        child.finishInput()
        return try child.wait(seconds: Patience.seconds)
    }

    /// The output of a verb that has to succeed.
    @discardableResult
    func ask(_ arguments: String..., input: String? = nil) throws -> String {
        let ending = try run(arguments, input: input)
        guard ending.status == 0 else {
            throw Failed(what: "\(name): \(arguments): \(ending.output)\(ending.errors)")
        }
        return ending.output
    }

    /// Whether it lets clients in, answers them, and calls itself ready.
    func isReady() throws -> Bool {
        try Self.child(
            NATSServers.Place(),
            ["probe", "--url", "mqtt://\(place.address):\(port)", "--http", api]
                + (certificates.map { ["--ca", $0.authorityFile] } ?? [])
        ).wait(seconds: Patience.seconds).status == 0
    }

    /// What `tollgate check` says of its stores, which it has closed; `nil` when all is well.
    func complaint() throws -> String? {
        let ending = try Self.child(NATSServers.Place(), ["check", "--data", dataDirectory])
            .wait(seconds: 120)
        return ending.status == 0 ? nil : "\(name): \(ending.output)\(ending.errors)"
    }

    struct Failed: Error { let what: String }

    private static func succeed(_ place: NATSServers.Place, _ arguments: [String]) throws -> String
    {
        // Servers that have just started take some seconds until they agree on a leader.
        var last = ""
        let isDone = try Patience.awaits {
            let ending = try child(place, arguments).wait(seconds: Patience.seconds)
            last = ending.output + ending.errors
            if ending.status != 0 { usleep(200_000) }
            return ending.status == 0
        }
        guard isDone else { throw Failed(what: "\(arguments): \(last)") }
        return last
    }

    private static func child(
        _ place: NATSServers.Place, _ arguments: [String], takesInput: Bool = false,
        under command: [String] = []
    ) throws -> ChildProcess {
        let words = place.command + command + [NodeProcess.neighbour("tollgate")] + arguments
        return try ChildProcess(words[0], Array(words.dropFirst()), takesInput: takesInput)
    }
}
