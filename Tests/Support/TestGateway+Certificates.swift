public import Ledger
public import TLS

/// Devices that come with certificates of accounts' authorities.
extension TestGateway {
    /// Registers an authority of an account, as the API does.
    public func register(
        _ authority: TestAuthority, of account: AccountID
    ) async throws -> AuthorityID {
        let new = try authority.registration(of: account)
        try await submit(.authorities(.register(new)))
        return new.id
    }

    /// A client that shows a certificate (`TestAuthority.client`), and what its CONNECT was answered.
    public func connect(
        showing context: TLSContext, resuming ticket: TLSResumption? = nil,
        as credentials: TestCredentials = .anonymous("any")
    ) throws -> (client: TestClient, answer: TestPacket.Connack) {
        let client = try TestClient(port: tlsPort, context: context, resuming: ticket)
        return (client, try client.connect(as: credentials))
    }
}
