public import Gateway
import Hummingbird
import HummingbirdCore
public import Ledger
import Linux
public import Logging
import NIOCore
public import ServiceLifecycle

/// The HTTP side: health, readiness and metrics for programs that watch, and the API.
public struct AdminServer: Service {
    private let configuration: GatewayConfiguration
    private let certificate: APICertificate?
    private let shared: SharedPortServer?
    private let logger: Logger
    let server: ServerContext
    private let onListening: @Sendable (Int) -> Void
    private let sessions: ConsoleSessions

    /// - Parameters:
    ///   - build: what program this is, for the page of metrics.
    ///   - certificate: `nil` for plain HTTP.
    ///   - shared: where listeners leave connections that are the API's, and what those are answered with.
    ///   - now: the time by which requests are counted against their rate.
    ///   - onListening: is told the port, once, when requests are taken.
    public init(
        configuration: GatewayConfiguration,
        settings: [AppliedSetting] = [],
        controlPlane: any ControlPlane,
        ownerToken: OwnerToken,
        mintKey: MintKey,
        build: Build,
        certificate: APICertificate? = nil,
        shared: (port: SharedPort, certificate: APICertificate)? = nil,
        logger: Logger,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
        onListening: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.certificate = certificate
        self.shared = shared.map {
            SharedPortServer(port: $0.port, certificate: $0.certificate, logger: logger)
        }
        self.logger = logger
        self.onListening = onListening
        sessions = ConsoleSessions(now: now)
        let webhooks = WebhookDispatcher(
            controlPlane: controlPlane, configuration: configuration.webhooks, logger: logger)
        server = ServerContext(
            controlPlane: controlPlane,
            configuration: configuration,
            settings: settings,
            ownerToken: ownerToken,
            mintKey: mintKey,
            build: build,
            wrongTokens: WrongTokens(limits: configuration.limits, logger: logger),
            webhooks: webhooks,
            alerts: AlertDispatcher(
                controlPlane: controlPlane, configuration: configuration.smtp,
                webhooks: webhooks, logger: logger),
            now: now
        )
    }

    /// Serves until the service group shuts down gracefully; requests under way are answered.
    public func run() async throws {
        let admin = configuration.admin
        let places = ConnectionPlaces(
            maximum: admin.connections, addressMaximum: admin.connectionsPerAddress)
        let side = HTTPSide(
            router: { router(withConsole: admin.console) }, address: admin.address,
            port: admin.port, places: places,
            certificate: certificate, shared: shared, logger: logger, onListening: onListening,
            bodyMaximum: bodyMaximum)
        try await side.run(admin)
    }

    private var bodyMaximum: Int {
        let admin = configuration.admin
        return 2
            * max(
                admin.requestSizeBytes, admin.importSizeBytes, configuration.firmware.imageBytes)
    }

    /// A listener of its own for what watches the gateway, plain HTTP; `nil` when none is configured.
    ///
    /// - Parameter onListening: is told the port, once, when requests are taken.
    public func monitor(onListening: @escaping @Sendable (Int) -> Void) -> (any Service)? {
        guard let address = configuration.monitoring.address else { return nil }
        let places = ConnectionPlaces(
            maximum: GatewayConfiguration.Monitoring.connections,
            addressMaximum: GatewayConfiguration.Monitoring.connections)
        let side = HTTPSide(
            router: { router(for: Routes.health) }, address: address,
            port: configuration.monitoring.port, places: places, certificate: nil, shared: nil,
            logger: logger, onListening: onListening, bodyMaximum: bodyMaximum)
        return MonitorService(side: side, limits: configuration.admin)
    }

    /// Sends events to webhooks.
    ///
    /// - Parameter node: this node of a cluster; `nil` of a gateway alone.
    public func webhooks(node: NodeName?) -> any Service {
        WebhookService(dispatcher: server.webhooks, node: node)
    }

    /// Fires alerts, and sends them by mail. To be ended before `webhooks`, whose courier it uses.
    ///
    /// - Parameter node: this node of a cluster; `nil` of a gateway alone.
    public func alerts(node: NodeName?) -> any Service {
        AlertService(dispatcher: server.alerts, node: node)
    }

    func router(
        for routes: [Route] = Routes.all, withConsole hasConsole: Bool = false
    ) -> Router<AdminContext> {
        let server = server
        let router = Router(context: AdminContext.self, options: .autoGenerateHeadEndpoints)
        let problems = ProblemMiddleware(routes: routes, server: server)
        router.add(middleware: TrailMiddleware(isLogging: configuration.admin.accessLog))
        router.add(middleware: problems)
        for route in routes {
            router.on(RouterPath(route.path), method: route.method) { request, context in
                let since = MonotonicInstant.now()
                var response: Response
                do {
                    response = try await route.respond(to: request, context, server)
                } catch {
                    response = problems.response(to: error, request, context)
                }
                server.timings.note(
                    route.operation.id, since: since, status: response.status.code)
                return response
            }
        }
        if hasConsole {
            Console(server: server, sessions: sessions, problems: problems).register(in: router)
        }
        return router
    }
}

/// What program this is.
public struct Build: Sendable {
    let version: String

    /// Of its sources.
    let revision: String

    public init(version: String, revision: String) {
        self.version = version
        self.revision = revision
    }
}

private struct MonitorService: Service {
    let side: HTTPSide
    let limits: GatewayConfiguration.Admin

    func run() async throws { try await side.run(limits) }
}

/// A port that requests come to.
private struct HTTPSide: Sendable {
    let router: @Sendable () -> Router<AdminContext>
    let address: String
    let port: Int
    let places: ConnectionPlaces
    let certificate: APICertificate?

    /// Whose connections are served too.
    let shared: SharedPortServer?
    let logger: Logger
    let onListening: @Sendable (Int) -> Void

    /// The longest body that any request may have.
    let bodyMaximum: Int

    func run(_ admin: GatewayConfiguration.Admin) async throws {
        let onListening = onListening
        let application = Application(
            router: router(), server: channels(admin),
            configuration: ApplicationConfiguration(
                address: .hostname(address, port: port), backlog: 1_024),
            onServerRunning: { channel in onListening(channel.localAddress?.port ?? 0) },
            logger: logger)
        guard let shared else { return try await application.run() }
        try await withThrowingTaskGroup { group in
            group.addTask { try await application.run() }
            group.addTask { await shared.run() }
            // One that can't be bound ends the other.
            try await group.waitForAll()
        }
    }

    /// Every connection is accepted at once.
    private func channels(_ admin: GatewayConfiguration.Admin) -> HTTPServerBuilder {
        let limits = ConnectionLimits(
            timeout: .seconds(Int64(admin.requestTimeoutSeconds)),
            bodyMaximum: bodyMaximum,
            dropMaximum: max(admin.requestSizeBytes, ConnectionLimits.dropMinimum)
        )
        return HTTPServerBuilder { [certificate, places, shared] responder in
            func channel(_ certificate: APICertificate?) -> AdminChannel {
                AdminChannel(
                    responder: responder, limits: limits, places: places, certificate: certificate)
            }
            if let shared { shared.open(channel(shared.certificate)) }
            return channel(certificate)
        }
    }
}
