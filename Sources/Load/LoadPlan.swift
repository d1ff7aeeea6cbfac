public import Linux
public import MQTT
public import TLS
public import Time

/// What a run does.
public enum Scenario: String, Sendable, CaseIterable, Decodable {
    /// Connects, and leaves as soon as it is let in, again and again.
    case connect

    /// Connects each device of a fleet once: with a gateway that licenses devices, its first connection consumes a code.
    case activate

    /// Opens connections and holds them.
    case idle

    /// Opens connections and publishes over them.
    case publish

    /// Opens connections, drops them all, and has them all come back at once.
    case storm

    /// Publishes for long, while clients leave and come back.
    case soak

    /// Whether it has messages to time, and not connections.
    public var publishes: Bool {
        switch self {
        case .publish, .soak: true
        case .connect, .activate, .idle, .storm: false
        }
    }

    /// Whether each connection is let go as soon as it is there.
    public var leavesAtOnce: Bool {
        switch self {
        case .connect, .activate: true
        case .idle, .publish, .storm, .soak: false
        }
    }
}

/// All that a run is told.
public struct LoadPlan: Sendable {
    public var scenario: Scenario
    public var server: SocketAddress

    /// How the server was named, for the report: `mqtt://localhost:1883`.
    public var serverText: String
    public var transport: Transport
    public var version = ProtocolVersion.v5
    public var identities: Identities

    /// The number of the first identity.
    public var first = 0

    /// Connections in all (`connect`, `activate`), or at one time.
    public var connections: Int

    /// The most that are being opened at one time.
    public var concurrency: Int

    /// Requests a second, over all clients; `nil`: as fast as answers come.
    public var rate: Double?

    /// Seconds in which the rate rises from nothing.
    public var rampSeconds: Double = 0

    /// How long it publishes or holds.
    public var seconds: Double
    public var qos = QoS.atLeastOnce
    public var payloadBytes = 64

    /// Messages under way on a connection: 1 to 1,024.
    public var window = 1

    /// What the clients publish to.
    public var topic: Template

    /// Of `soak`: clients a second that leave and come back.
    public var reconnectsPerSecond: Double = 0
    public var keepAliveSeconds: UInt16 = 300

    /// Until an answer is late.
    public var timeoutSeconds: Double = 30

    /// Addresses that clients connect from, of 127.0.0.2 and on; 0 leaves it to the kernel.
    public var sourceAddresses = 0
    public var threads = 1

    /// When the measured part is to begin, by the wall clock; `nil`: as soon as it can.
    public var startAt: Timestamp?

    /// Processes of the server, whose CPU time and memory are read.
    public var serverProcesses: [Int32] = []

    public init(
        scenario: Scenario,
        server: SocketAddress,
        serverText: String,
        transport: Transport,
        identities: Identities,
        connections: Int,
        concurrency: Int,
        seconds: Double,
        topic: Template
    ) {
        self.scenario = scenario
        self.server = server
        self.serverText = serverText
        self.transport = transport
        self.identities = identities
        self.connections = connections
        self.concurrency = concurrency
        self.seconds = seconds
        self.topic = topic
    }

    /// Descriptors that the run needs: a connection each, and some for what else is open.
    public var descriptorsNeeded: Int {
        (scenario.leavesAtOnce ? min(concurrency, connections) : connections) + 64
    }

    /// Connections that one source address has ports for, with the kernel's usual range of them (32768 to 60999).
    public static let connectionsPerSource = 28_000
}

/// What lies between MQTT and TCP.
public struct Transport: Sendable {
    /// `nil`: no TLS.
    public var tls: TLSClientConfiguration?

    /// Certificates of the clients' own, shown instead of that of `tls`.
    public var certificates: CertificateTemplates?

    /// What the server is called in TLS, and must be certified as where authorities are named.
    public var serverName: String?

    /// Whether clients take up their earlier TLS sessions.
    public var isResuming = false

    /// `nil`: no WebSocket. Else the path to ask for, and the Host to name.
    public var webSocket: (path: String, host: String)?

    public init(tls: TLSClientConfiguration? = nil, serverName: String? = nil) {
        self.tls = tls
        self.serverName = serverName
    }
}

extension LoadPlan {
    /// What is wrong with the plan, in the words of the command line; `nil` when it can be run.
    public var problem: String? {
        if connections < 1 { return "--count must be 1 at least" }
        if concurrency < 1 { return "--concurrency must be 1 at least" }
        if !(1...256).contains(threads) { return "--threads must be 1 to 256" }
        if threads > connections { return "--threads: there are more threads than clients" }
        if scenario.leavesAtOnce, threads > concurrency {
            return "--threads: there are more threads than --concurrency has clients"
        }
        if let rate, !(rate > 0 && rate <= 1e8) { return "--rate must be more than 0" }
        if !(0...86_400).contains(rampSeconds) { return "--ramp must be 0 to 86400 seconds" }
        if rampSeconds > 0, rate == nil { return "--ramp is of a --rate: give one" }
        if !(0...31_536_000).contains(seconds) { return "--seconds must be 0 to 31536000" }
        if !(0.001...86_400).contains(timeoutSeconds) {
            return "--timeout must be up to 86400 seconds"
        }
        if !(0...(16 << 20)).contains(payloadBytes) { return "--size must be 0 to 16777216 bytes" }
        if !(1...1_024).contains(window) { return "--window must be 1 to 1024" }
        if !(0...1e6).contains(reconnectsPerSecond) { return "--reconnects must be 0 to 1000000" }
        if first < 0 || first > 1 << 40 { return "--first must be 0 to 1099511627776" }
        return problemOfAddresses ?? problemOfIdentities
    }

    private var problemOfAddresses: String? {
        if sourceAddresses == 0 { return nil }
        if !(1...250).contains(sourceAddresses) { return "--source-addresses must be 0 to 250" }
        return server.address.isIPv4 && server.address.isLoopback
            ? nil : "--source-addresses are of 127.0.0.0/8: the server must be at one of those, too"
    }

    /// Devices that sign nothing show a certificate each.
    private func problemOfCertificates(_ devices: [Device]) -> String? {
        guard devices.contains(where: { $0.secret == nil }) else { return nil }
        guard transport.tls?.certificateChainFile != nil || transport.certificates != nil else {
            return
                "devices without secrets connect by certificate: name mqtts:// or wss://, and each device's "
                + "--certificate and --key, with %D or %d for it"
        }
        if devices.count == 1 || transport.certificates?.certificate.differs == true { return nil }
        return
            "one certificate is one device, and the fleet has \(devices.count): give each its own --certificate, with %D "
            + "or %d for it"
    }

    private var problemOfIdentities: String? {
        switch identities {
        case .fleet(let devices):
            if let problem = problemOfCertificates(devices) { return problem }
            let atOnce = scenario.leavesAtOnce ? min(concurrency, connections) : connections
            if scenario == .activate, first + connections > devices.count {
                return
                    "the fleet has \(devices.count) devices, and each is activated once: ask for fewer (--count), "
                    + "or prepare more"
            }
            return atOnce > devices.count
                ? "the fleet has \(devices.count) devices, and \(atOnce) are to be connected at one time"
                : nil
        case .templates(let clientID, _, _):
            if scenario == .activate {
                return "activate is of devices: name them with --fleet, or take connect"
            }
            return clientID.differs
                ? nil : "--client-id must be another for each client: write %d in it"
        }
    }
}
