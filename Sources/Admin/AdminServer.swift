public import Gateway
import Hummingbird
import HummingbirdCore
public import Logging
import NIOCore
public import ServiceLifecycle

/// The HTTP side: health, readiness and metrics for programs that watch, and the API.
public struct AdminServer: Service {
    private let configuration: GatewayConfiguration
    private let controlPlane: any ControlPlane
    private let ownerToken: OwnerToken
    private let mintKey: MintKey
    private let certificate: APICertificate?
    private let logger: Logger
    private let onListening: @Sendable (Int) -> Void

    /// - Parameters:
    ///   - certificate: `nil` for plain HTTP.
    ///   - onListening: is told the port, once, when requests are taken.
    public init(
        configuration: GatewayConfiguration,
        controlPlane: any ControlPlane,
        ownerToken: OwnerToken,
        mintKey: MintKey,
        certificate: APICertificate? = nil,
        logger: Logger,
        onListening: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.controlPlane = controlPlane
        self.ownerToken = ownerToken
        self.mintKey = mintKey
        self.certificate = certificate
        self.logger = logger
        self.onListening = onListening
    }

    /// Serves until the service group shuts down gracefully; requests under way are answered.
    public func run() async throws {
        let onListening = onListening
        let admin = configuration.admin
        let application = Application(
            router: router(), server: channels,
            configuration: ApplicationConfiguration(
                address: .hostname(admin.address, port: admin.port), backlog: 1_024),
            onServerRunning: { channel in onListening(channel.localAddress?.port ?? 0) },
            logger: logger)
        try await application.run()
    }

    /// Every connection is accepted at once, and looked after by a guard of its own.
    private var channels: HTTPServerBuilder {
        let admin = configuration.admin
        let limits = ConnectionLimits(
            timeout: .seconds(Int64(admin.requestTimeoutSeconds)),
            bodyMaximum: 2 * max(admin.requestSizeBytes, admin.importSizeBytes),
            dropMaximum: max(admin.requestSizeBytes, ConnectionLimits.dropMinimum)
        )
        let places = ConnectionPlaces(
            maximum: admin.connections, addressMaximum: admin.connectionsPerAddress)
        return HTTPServerBuilder { [certificate] responder in
            let configuration = HTTP1Channel.Configuration(
                additionalChannelHandlers: [ConnectionGuard(limits: limits, places: places)])
            return AdminChannel(
                http: HTTP1Channel(responder: responder, configuration: configuration),
                certificate: certificate)
        }
    }

    /// - Parameter now: the time by which requests are counted against their rate.
    func router(
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) -> Router<AdminContext> {
        let server = ServerContext(
            controlPlane: controlPlane,
            configuration: configuration,
            ownerToken: ownerToken,
            mintKey: mintKey,
            wrongTokens: WrongTokens(limits: configuration.limits, logger: logger),
            now: now
        )
        let router = Router(context: AdminContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: ProblemMiddleware(routes: Routes.all, server: server))
        for route in Routes.all {
            router.on(RouterPath(route.path), method: route.method) { request, context in
                try await route.respond(to: request, context, server)
            }
        }
        return router
    }
}
