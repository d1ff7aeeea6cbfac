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

    init(
        controlPlane: any ControlPlane,
        configuration: GatewayConfiguration,
        ownerToken: OwnerToken
    ) {
        self.controlPlane = controlPlane
        self.configuration = configuration
        self.ownerToken = ownerToken
        tokens = Tokens(owner: ownerToken, ledger: controlPlane.ledger)
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
        let prefix = "bearer "
        guard let header = request.headers[.authorization],
            header.lowercased().hasPrefix(prefix),
            let principal = try tokens.principal(of: String(header.dropFirst(prefix.count)))
        else {
            try take(.stranger(origin))
            throw Problem.unauthorized
        }
        try take(.actor(principal.actor))
        return principal
    }

    private func take(_ caller: RateLimiter.Caller) throws(Problem) {
        guard let delay = rates.delay(of: caller, at: .now) else { return }
        var problem = Problem("too-many-requests", "more requests than are allowed in a second")
        problem.retryAfterSeconds = Int(delay.components.seconds) + 1
        throw problem
    }
}
