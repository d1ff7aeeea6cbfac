public import Gateway
public import Ledger
public import Links
import Linux
public import Reactor
public import Replication
public import TestFiles
import TLS
public import Time

/// A gateway in the test's own process, with a TLS listener `devices`, plain ones `local` and
/// `open` (without authentication), all on free ports of the loopback.
///
/// `TestGateway.run` starts one, lends it, checks that its books balance, and stops it.
public final class TestGateway: Sendable {
    public let gateway: Gateway

    /// Where its data is; give it to another `TestGateway` to start again on the same data.
    public let directory: TemporaryDirectory
    public let certificates: TestCertificates

    /// - Parameters:
    ///   - membership: makes it a node of a cluster.
    ///   - transport: carries what it says to other nodes.
    ///   - retained: what the nodes have retained.
    ///   - uplink: the streams that products can name.
    public init(
        shards: Int = 2,
        in membership: ClusterMembership? = nil,
        over transport: (any PeerTransport)? = nil,
        retained: (any LatestRecords)? = nil,
        uplink: (any UplinkStreams)? = nil,
        time: TimeSource = .system,
        directory: TemporaryDirectory = TemporaryDirectory(),
        certificates: TestCertificates = .shared,
        configure: (inout GatewayConfiguration) -> Void = { _ in }
    ) throws {
        self.directory = directory
        self.certificates = certificates
        var configuration = GatewayConfiguration()
        configuration.shards = shards
        configuration.data = directory.file("data")
        configuration.backup.directories = [directory.path]
        configuration.storage.ledgerMapBytes = 1 << 30
        configuration.storage.usageMapBytes = 1 << 30
        configuration.tls.certificate = certificates.certificateFile
        configuration.tls.key = certificates.keyFile
        configuration.listeners = [
            GatewayConfiguration.Listener(name: "devices", port: 0),
            GatewayConfiguration.Listener(name: "local", port: 0, tls: false),
            GatewayConfiguration.Listener(
                name: "open", port: 0, tls: false, authentication: .none),
        ]
        configure(&configuration)
        gateway = try Gateway.start(
            configuration, in: membership, over: transport, retained: retained, uplink: uplink,
            time: time)
    }

    /// Lends `body` a running gateway. Afterwards the books must balance (rule A10) and the counts add
    /// up (rule C8), also when `body` throws, and the gateway has drained.
    public static func run<Result>(
        shards: Int = 2,
        time: TimeSource = .system,
        directory: TemporaryDirectory = TemporaryDirectory(),
        configure: (inout GatewayConfiguration) -> Void = { _ in },
        _ body: (TestGateway) async throws -> Result
    ) async throws -> Result {
        let gateway = try TestGateway(
            shards: shards, time: time, directory: directory, configure: configure)
        do {
            let result = try await body(gateway)
            let findings = try gateway.stores.verify(secretKeys: nil)
            await gateway.stop()
            guard findings.isEmpty else { throw TestGatewayError.booksDoNotBalance(findings) }
            return result
        } catch {
            await gateway.stop()
            throw error
        }
    }

    private var stores: Stores {
        Stores(ledger: gateway.ledger, usage: gateway.usage, sessions: gateway.sessions)
    }

    /// Drains it; every thread of it has ended afterwards.
    public func stop() async { await gateway.drain() }

    /// The port of the TLS listener.
    public var tlsPort: UInt16 { port(of: "devices") }

    /// The port of the plain listener for devices and applications.
    public var plainPort: UInt16 { port(of: "local") }

    /// The port of the plain listener without authentication.
    public var openPort: UInt16 { port(of: "open") }

    /// The port of the listener of that name; traps when there is none.
    public func port(of listener: String) -> UInt16 {
        guard let address = gateway.addresses[listener] else {
            preconditionFailure("no listener \(listener)")
        }
        return address.port
    }

    /// What time the gateway has.
    public var now: Timestamp { gateway.now }
}
