import Gateway
import HTTPTypes
import Hummingbird
import Storage

/// What all requests are answered with.
struct Desk: Sendable {
    let controlPlane: any ControlPlane
    let configuration: GatewayConfiguration
    let ownerToken: OwnerToken
    private let tokens: Tokens
    private let rates: RateLimiter
    private let now: @Sendable () -> ContinuousClock.Instant
    let streams: StreamSlots

    /// Traces of devices that may be open at once: each costs its shard something.
    let traces = StreamSlots(maximum: 8)

    init(
        controlPlane: any ControlPlane,
        configuration: GatewayConfiguration,
        ownerToken: OwnerToken,
        now: @escaping @Sendable () -> ContinuousClock.Instant
    ) {
        self.now = now
        self.controlPlane = controlPlane
        self.configuration = configuration
        self.ownerToken = ownerToken
        tokens = Tokens(owner: ownerToken, ledger: controlPlane.ledger)
        streams = StreamSlots(maximum: configuration.admin.eventStreams)
        rates = RateLimiter(requestsPerSecond: configuration.admin.requestsPerSecond)
    }

    /// Who asks; throws when the request needs a valid token and has none, or comes too soon.
    func principal(
        of request: Request,
        from address: String?,
        for access: Access
    ) throws -> Principal {
        let origin = RateLimiter.Caller.origin(of: address)
        guard access.needsToken else {
            try take(.visitor(origin))
            return .nobody
        }
        guard let principal = try known(request) else {
            try take(.stranger(origin))
            throw Problem.unauthorized
        }
        try take(.actor(principal.actor))
        return principal
    }

    /// Counts a request for what there is not, as one of its token's, or of where it came from; throws
    /// when it comes too soon.
    func count(_ request: Request, from address: String?) throws {
        if let principal = try known(request) {
            try take(.actor(principal.actor))
        } else {
            try take(.stranger(RateLimiter.Caller.origin(of: address)))
        }
    }

    /// Whether the request's token is valid still.
    func knows(_ request: Request) throws -> Bool { try known(request) != nil }

    private func known(_ request: Request) throws -> Principal? {
        let prefix = "bearer "
        guard let header = request.headers[.authorization],
            header.lowercased().hasPrefix(prefix)
        else { return nil }
        return try tokens.principal(of: String(header.dropFirst(prefix.count)))
    }

    private func take(_ caller: RateLimiter.Caller) throws(Problem) {
        guard let delay = rates.delay(of: caller, at: now()) else { return }
        var problem = Problem(.tooManyRequests, "more requests than are allowed in a second")
        // Rounded up: a second too early is asked in vain.
        let (seconds, attoseconds) = delay.components
        problem.retryAfterSeconds = Int(seconds) + (attoseconds > 0 ? 1 : 0)
        throw problem
    }
}
