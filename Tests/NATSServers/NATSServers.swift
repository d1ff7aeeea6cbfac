import Glibc
public import JetStream
import Linux
public import Support
import TestFiles

/// NATS servers of a test's own on the loopback, with JetStream: one, or a cluster of three.
///
/// Only what was started here is ever stopped, by its process id. The program comes from `.build-venv`, where
/// `make test` installs it.
public final class NATSServers {
    /// Where a server runs: on the loopback, or in a network namespace of its own.
    public struct Place: Sendable {
        /// In numbers.
        public let address: String

        /// What runs a program there, in front of its name.
        public let command: [String]

        public init(address: String = "127.0.0.1", command: [String] = []) {
            self.address = address
            self.command = command
        }
    }

    /// What of their configuration a test wants otherwise.
    public struct Options: Sendable {
        public var syncInterval = "always"
        public var password = "correct horse"

        /// Whether the account may ask the servers how they sync.
        public var importsService = true

        /// `listen` with TLS, for clients.
        public var certificates: TestCertificates?
        public var asksForCertificate = false

        /// Of each server; all are on the loopback when there are none.
        public var places: [Place] = []

        public init() {}
    }

    private static let program = {
        let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
        return root.joined(separator: "/") + "/.build-venv/bin/nats-server"
    }()

    public let count: Int
    public var options: Options
    private let directory = TemporaryDirectory()
    private let ports: [UInt16]
    private let routePorts: [UInt16]
    private var processes: [ChildProcess?]

    /// Starts them, and waits until they take connections, and have agreed on a leader: what they are asked before that
    /// has no answer.
    public init(_ count: Int, _ options: Options = Options()) throws {
        self.count = count
        self.options = options
        let free = try Self.freePorts(2 * count)
        ports = Array(free.prefix(count))
        routePorts = Array(free.suffix(count))
        processes = Array(repeating: nil, count: count)
        try startAll()
        if count > 1 { try awaitLeader() }
    }

    deinit { for process in processes { process?.kill() } }

    // MARK: Start and stop

    public func startAll() throws {
        for index in 0..<count where processes[index] == nil { try launch(index) }
        for index in 0..<count { try awaitPort(index) }
    }

    /// - Parameter waits: until it takes connections.
    public func start(_ index: Int, waits: Bool = true) throws {
        try launch(index)
        if waits { try awaitPort(index) }
    }

    public func isRunning(_ index: Int) -> Bool { processes[index]?.isRunning ?? false }

    /// Stops it where it is, as a machine that stands still, and has it go on.
    public func pause(_ index: Int) { processes[index]?.signal(SIGSTOP) }

    public func resume(_ index: Int) { processes[index]?.signal(SIGCONT) }

    /// With SIGKILL, or in an orderly way.
    public func stop(_ index: Int, kill: Bool = false) throws {
        guard let process = processes[index] else { return }
        processes[index] = nil
        if kill {
            process.kill()
        } else {
            process.signal(SIGTERM)
            _ = try process.wait(seconds: 20)
        }
    }

    public func stopAll(kill: Bool = false) throws {
        for index in 0..<count { try stop(index, kill: kill) }
    }

    /// The servers' names are `n0`, `n1`, ...
    public func index(of name: String) -> Int? { (0..<count).first { "n\($0)" == name } }

    private func launch(_ index: Int) throws {
        let file = directory.file("n\(index).conf")
        Self.write(configuration(index), to: file)
        let log = directory.file("n\(index).log")
        let words = place(index).command + [Self.program, "-c", file, "-l", log]
        processes[index] = try ChildProcess(words[0], Array(words.dropFirst()))
    }

    private func awaitPort(_ index: Int) throws {
        let isThere = try Patience.awaits {
            // A port that another program has for a moment is free again soon.
            if processes[index]?.isRunning != true {
                usleep(200_000)
                try launch(index)
            }
            return Self.takesConnections(place(index).address, ports[index])
                && processes[index]?.isRunning == true
        }
        if !isThere { throw NotStarted(index: index) }
    }

    /// Until each of them has said in its log that it knows who leads JetStream.
    private func awaitLeader() throws {
        for index in 0..<count {
            let isLed = Patience.awaits {
                usleep(20_000)
                let log = try? FileSystem.read(
                    directory.file("n\(index).log"), maximumBytes: 1 << 20)
                let said = String(decoding: log ?? [], as: UTF8.self)
                return said.contains("JetStream cluster new metadata leader")
                    || said.contains("Self is new JetStream cluster metadata leader")
            }
            if !isLed { throw NotStarted(index: index) }
        }
    }

    public struct NotStarted: Error { let index: Int }

    /// Where server `index` keeps all that it keeps.
    public func store(_ index: Int) -> String { directory.file("n\(index)") }

    // MARK: Settings

    public var urls: [String] {
        ports.indices.map { index in
            guard options.places.isEmpty else {
                return "nats://\(place(index).address):\(ports[index])"
            }
            // By name, as that is what certificates are compared with.
            return "\(options.certificates == nil ? "nats" : "tls")://localhost:\(ports[index])"
        }
    }

    private func place(_ index: Int) -> Place {
        options.places.isEmpty ? Place() : options.places[index]
    }

    /// For a log of this cluster that is a test's own.
    public func settings(stream: String = "LEDGER", replicas: Int? = nil) -> JetStreamSettings {
        var settings = JetStreamSettings(
            servers: urls, stream: stream, subject: "tollgate.\(stream)")
        settings.credentials = .user("tollgate", password: "correct horse")
        settings.replicas = replicas ?? count
        // That a busy machine takes its time is no fault.
        settings.appendMilliseconds = 30_000
        if let certificates = options.certificates {
            settings.tls = JetStreamSettings.TLS(authorityFile: certificates.authorityFile)
        }
        return settings
    }

    /// Where server `index` keeps the messages of a stream.
    public func messages(of stream: String, _ index: Int) -> String {
        directory.file("n\(index)/jetstream/TOLLGATE/streams/\(stream)/msgs")
    }

    private func configuration(_ index: Int) -> String {
        let address = place(index).address
        let routes = routePorts.indices.map {
            "nats-route://\(place($0).address):\(routePorts[$0])"
        }.joined(separator: ", ")
        let cluster = """
            cluster { name: test, listen: "\(address):\(routePorts[index])", routes: [ \(routes) ] }
            """
        let service = StandingService.subject
        let imports =
            options.importsService
            ? "imports: [ { service: { account: \"$SYS\", subject: \"\(service)\" } } ]" : ""
        return """
            server_name: n\(index)
            listen: "\(address):\(ports[index])"
            jetstream {
                store_dir: "\(directory.file("n\(index)"))", max_file_store: 1GB
                sync_interval: \(options.syncInterval)
            }
            accounts {
                TOLLGATE: {
                    jetstream: enabled, users: [ { user: tollgate, password: "\(options.password)" } ]
                    \(imports)
                }
                "$SYS": { exports: [ { service: "\(service)", response: stream } ] }
            }
            \(count > 1 ? cluster : "")
            \(tls)
            """
    }

    private var tls: String {
        guard let certificates = options.certificates else { return "" }
        return """
            tls {
                cert_file: "\(certificates.certificateFile)", key_file: "\(certificates.keyFile)"
                ca_file: "\(certificates.authorityFile)", verify: \(options.asksForCertificate)
            }
            """
    }

    // MARK: The system

    private static func write(_ text: String, to path: String) {
        let bytes = Array(text.utf8)
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        // Safe: `write` reads the array during the call.
        let count = unsafe bytes.withUnsafeBytes { bytes in
            unsafe Glibc.write(descriptor, bytes.baseAddress, bytes.count)
        }
        close(descriptor)
        precondition(count == bytes.count, "no room for a configuration")
    }

    /// From below the range that the system takes for outgoing connections (`ip_local_port_range`): a server that is
    /// started again finds its port free.
    public static func freePorts(_ count: Int) throws -> [UInt16] {
        var ports: [UInt16] = []
        while ports.count < count {
            let port = UInt16.random(in: 15_000..<32_000)
            if !ports.contains(port), isFree(port) { ports.append(port) }
        }
        return ports
    }

    private static func isFree(_ port: UInt16) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = address("127.0.0.1", port)
        // Safe: `bind` reads the address during the call.
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                unsafe bind(descriptor, pointer, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    private static func takesConnections(_ host: String, _ port: UInt16) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = address(host, port)
        // Safe: `connect` reads the address during the call.
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                unsafe connect(descriptor, pointer, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    private static func address(_ host: String, _ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        // Safe: `inet_pton` writes the four bytes of an IPv4 address.
        _ = unsafe inet_pton(AF_INET, host, &address.sin_addr)
        return address
    }
}
