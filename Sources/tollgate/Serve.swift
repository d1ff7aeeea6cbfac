import Admin
import ArgumentParser
import FoundationEssentials
import Gateway
import Glibc
import Ledger
import Links
import Linux
import Logging
import Replication
import ServiceLifecycle
import Settings
import Synchronization

/// Runs the gateway until it is told to go.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Runs the gateway.",
        discussion: """
            SIGTERM and SIGINT drain: clients are told, counters flushed, stores synced; a second one \
            ends the process at once. SIGHUP reads certificate and key again. Exit code 0 when everything is in \
            the stores; 1 when it could not be brought there, or a store was lost. A node of a cluster whose \
            sessions others have taken over, as it could not be reached, starts itself anew.
            """
            .followed(byExamples: "serve --config /etc/tollgate/tollgate.yaml")
    )

    @OptionGroup var settings: SettingsOptions
    @Option(help: "The directory of the stores; the same as --set data=DIR.") var data: String?
    @Flag(help: "Makes a demonstration product, device and key, and prints how to use them.")
    var demonstration = false

    func run() async throws {
        SignalTrap.set()
        BrokenStore.reportUnreadablePages()
        var warnings: [SettingsWarning] = []
        let loaded = try settings.loadAll(data: data) { warnings.append($0) }
        let configuration = loaded.configuration
        let logger = Self.logger(configuration)
        for warning in warnings { logger.warning("\(warning)") }
        let supervision = Supervision(ProcessInfo.processInfo.environment, logger)
        let ports = try HTTPPorts(configuration)
        let certificates = try orFail { try APICertificates(configuration) }
        let membership = try NodeStart.membership(configuration, logger)
        // The gateway has drained by then, or has not started.
        defer { membership?.log.close() }
        let peers = try NodeStart.peers(configuration, membership)
        let retained = try NodeStart.retained(configuration, membership, logger)
        defer { retained?.close() }
        let uplink = try NodeStart.uplink(configuration, logger)
        defer { uplink?.close() }
        let gateway = try orFail {
            try Gateway.start(
                configuration, in: membership, over: peers, retained: retained, uplink: uplink,
                log: try Self.log(to: logger, configuration))
        }
        do {
            let downlink = try NodeStart.downlink(configuration)
            try await serve(
                gateway, loaded, ports, certificates, downlink, membership?.node,
                supervision, logger)
        } catch {
            await gateway.drain()
            let text = Self.text(of: error, configuration)
            guard gateway.beginsAnew else { throw Failure(text: text) }
            logger.warning("\(text): it begins anew")
            supervision?.beginsAnew()
            throw Failure(text: "\(text), and it can't begin anew: \(BeginAnew.run())")
        }
        let outcome = await gateway.drain()
        guard outcome.isComplete else { throw Failure(text: Self.text(of: outcome)) }
        logger.notice("drained")
    }

    private static func text(of outcome: DrainOutcome) -> String {
        "drained, but the stores could not be given \(outcome.counts) counts of messages, "
            + "\(outcome.leases) leases of top-up packs, \(outcome.sessionChanges) changes of sessions"
    }

    private static func logger(_ configuration: GatewayConfiguration) -> Logger {
        LoggingSystem.bootstrap { _ in LogWriter(configuration.log, write: Output.log) }
        return Logger(label: "tollgate")
    }

    private static func log(
        to logger: Logger,
        _ configuration: GatewayConfiguration
    ) throws(GatewayError) -> GatewayLog {
        do throws(Errno) {
            return try GatewayLog(level: configuration.log.level) { logger.write($0) }
        } catch {
            throw .system("eventfd", error)
        }
    }

    /// Returns when a signal has ended the services. The gateway drains first, while the HTTP side
    /// still answers that it does.
    private func serve(
        _ gateway: Gateway,
        _ loaded: LoadedSettings,
        _ ports: HTTPPorts,
        _ certificates: APICertificates,
        _ downlink: (any DownlinkRequests)?,
        _ node: NodeName?,
        _ supervision: Supervision?,
        _ logger: Logger
    ) async throws {
        let configuration = loaded.configuration
        let secrets = SecretsDirectory(of: configuration)
        // Before the token is made: the key follows only one that was there.
        let mintKey = try MintKey.loaded(from: secrets)
        let token = try OwnerToken.loaded(from: secrets, linkedIn: configuration.data)
        for listener in configuration.listeners {
            guard let address = gateway.addresses[listener.name] else { continue }
            logger.notice("listener '\(listener.name)' on \(listener.url(at: "\(address)"))")
            if listener.shareWithAPI {
                logger.notice("listener '\(listener.name)' is the API's, too: https://\(address)")
            }
        }
        var limited = configuration
        limited.admin.connections = gateway.descriptors.httpConnections
        let isUp = AsyncStream.makeStream(of: Void.self)
        let isPresentable = AsyncStream.makeStream(of: Void.self)
        try supervision?.look(after: gateway)
        let admin = AdminServer(
            configuration: limited, settings: loaded.applied, controlPlane: gateway,
            ownerToken: token, mintKey: mintKey,
            build: Version.build, certificate: certificates.own,
            shared: certificates.shared.map { (gateway.sharedPort, $0) }, logger: logger,
            onListening: { port in
                ports.admin.leave()
                isUp.continuation.finish()
                Self.announce(configuration, port, logger)
                supervision?.isReady()
                isPresentable.continuation.finish()
            })
        if demonstration {
            let demonstration = Demonstration(configuration: configuration, gateway: gateway)
            Task {
                for await _ in isPresentable.stream {}
                await demonstration.present(by: admin)
            }
        }
        var services: [ServiceGroupConfiguration.ServiceConfiguration] = [
            .init(service: admin),
            .init(
                service: Signals(
                    gateway: gateway, certificates: certificates, supervision: supervision,
                    logger: logger, isUp: isUp.stream),
                successTerminationBehavior: .gracefullyShutdownGroup
            ),
            .init(
                service: StoreGuard(gateway: gateway, logger: logger),
                successTerminationBehavior: .ignore,
                failureTerminationBehavior: .gracefullyShutdownGroup
            ),
            .init(
                service: DrainingGateway(
                    gateway: gateway, supervision: supervision, logger: logger)),
            .init(service: Upkeep(gateway: gateway)),
        ]
        let monitor = admin.monitor { port in
            ports.monitoring.leave()
            logger.notice("health and metrics on http://\(ports.monitoring.host):\(port)")
        }
        // They end from the last to the first: what watches sees the gateway drain.
        if let monitor { services.insert(.init(service: monitor), at: 1) }
        if let downlink {
            services.append(.init(service: DownlinkService(requests: downlink, gateway: gateway)))
        }
        // The first to end: what it has to say to the books comes before the gateway drains.
        services.append(.init(service: admin.webhooks(node: node)))
        services.append(.init(service: admin.alerts(node: node)))
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: services, logger: Self.quiet(logger)))
        try await group.run()
    }

    /// In the log, and in the data directory for the verbs.
    private static func announce(
        _ configuration: GatewayConfiguration,
        _ port: Int,
        _ logger: Logger
    ) {
        let url = APIAddress.url(of: configuration.admin, port: port)
        do throws(FileError) {
            try APIAddress.write(url, in: configuration.data)
        } catch {
            logger.warning("verbs have to be told where the API is: \(error)")
        }
        let scheme = configuration.admin.tls.certificate == nil ? "http" : "https"
        logger.notice("API on \(scheme)://\(configuration.admin.address):\(port)")
    }

    /// The service group's own lines below warnings are of no use to operators.
    private static func quiet(_ logger: Logger) -> Logger {
        var logger = logger
        logger.logLevel = max(logger.logLevel, .warning)
        return logger
    }

    private static func text(of error: any Error, _ configuration: GatewayConfiguration) -> String {
        if error is FileError || error is OwnerTokenProblem || error is MintKeyProblem {
            return "\(error)"
        }
        if let failure = error as? Failure { return failure.text }
        return "admin on \(configuration.admin.address):\(configuration.admin.port): \(error)"
    }
}

/// What the API answers TLS with: at its own port, and where a listener shares one with it.
private struct APICertificates {
    let own: APICertificate?
    let shared: APICertificate?

    init(_ configuration: GatewayConfiguration) throws {
        own = try APICertificate(configuration.admin)
        shared = try APICertificate(sharedBy: configuration)
    }

    func reload() throws {
        try own?.reload()
        try shared?.reload()
    }
}

/// The ports of the HTTP side, taken before anything else of the gateway is opened: a second gateway fails at them, with
/// no store and no listener touched.
private struct HTTPPorts {
    let admin: ClaimedPort
    let monitoring: ClaimedPort

    init(_ configuration: GatewayConfiguration) throws(Failure) {
        admin = try ClaimedPort(
            "admin", configuration.admin.address, configuration.admin.port)
        monitoring = try ClaimedPort(
            "monitoring", configuration.monitoring.address, configuration.monitoring.port)
    }
}

/// Left when the server listens there.
private final class ClaimedPort: Sendable {
    /// As a URL has it.
    let host: String
    private let descriptor: Mutex<Descriptor?>

    /// - Parameter address: `nil`: nothing is to listen.
    init(_ name: String, _ address: String?, _ port: Int) throws(Failure) {
        host = address.map { $0.contains(":") ? "[\($0)]" : $0 } ?? ""
        guard port != 0, let address = address.flatMap({ IPAddress($0) }) else {
            descriptor = Mutex(nil)
            return
        }
        let place = SocketAddress(address, port: UInt16(port))
        do throws(Errno) {
            descriptor = Mutex(try SocketHandle.claim(place))
        } catch .addressInUse {
            throw Failure(
                text: "\(name) on \(place): another program listens there, perhaps another gateway")
        } catch {
            throw Failure(text: "\(name) on \(place): \(error)")
        }
    }

    func leave() { descriptor.withLock { $0 = nil } }
}

/// What the gateway does now and then, until the services are told to go.
private struct Upkeep: Service {
    let gateway: Gateway

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await gateway.upkeep(version: "tollgate \(Version.number)")
        }
    }
}

/// Drains the gateway when the services are told to go.
private struct DrainingGateway: Service {
    let gateway: Gateway
    let supervision: Supervision?
    let logger: Logger

    func run() async throws {
        // Also a failing service next to this one ends the wait.
        try? await gracefulShutdown()
        logger.notice("draining")
        if !gateway.beginsAnew { supervision?.isStopping() }
        await gateway.drain()
    }
}

/// Does what signals ask for: SIGHUP reads certificate and key again; SIGTERM and SIGINT end the services.
private struct Signals: Service {
    let gateway: Gateway
    let certificates: APICertificates
    let supervision: Supervision?
    let logger: Logger

    /// Ends when the API is up: what was asked for before waits, as services that are starting can't be told to go.
    let isUp: AsyncStream<Void>

    /// What can't be used of a certificate is said, and changes nothing.
    func run() async throws {
        for await _ in isUp {}
        for await wish in SignalTrap.stream.cancelOnGracefulShutdown() {
            switch wish {
            case .end: return
            case .reload:
                supervision?.isReloading()
                defer { supervision?.isReady() }
                do {
                    try gateway.reloadCertificates()
                    try certificates.reload()
                    logger.notice("certificates read again")
                } catch {
                    logger.error("the certificates stay as they were: \(error)")
                }
            }
        }
    }
}

/// Ends the services when a store is lost, so that what supervises the process starts it anew.
private struct StoreGuard: Service {
    let gateway: Gateway
    let logger: Logger

    /// How long draining may take without a store.
    private static var patience: Duration { .seconds(20) }

    func run() async throws {
        guard let loss = await gateway.storeLoss() else {
            // Drained. The services end one after the other, each in its turn.
            try? await gracefulShutdown()
            return
        }
        Task.detached {
            try await Task.sleep(for: Self.patience)
            _exit(1)
        }
        throw Failure(text: loss)
    }
}
