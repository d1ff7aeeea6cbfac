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

    init(
        controlPlane: any ControlPlane,
        configuration: GatewayConfiguration,
        ownerToken: OwnerToken
    ) {
        self.controlPlane = controlPlane
        self.configuration = configuration
        self.ownerToken = ownerToken
        tokens = Tokens(owner: ownerToken, ledger: controlPlane.ledger)
    }

    /// Who asks; throws when the request has no valid token.
    func principal(of request: Request) throws -> Principal {
        let prefix = "bearer "
        guard let header = request.headers[.authorization],
            header.lowercased().hasPrefix(prefix),
            let principal = try tokens.principal(of: String(header.dropFirst(prefix.count)))
        else { throw Problem.unauthorized }
        return principal
    }
}
