/// What a listener needs to answer TLS. Files are PEM and read once, when the context is built;
/// a changed certificate is a new context.
public struct TLSServerConfiguration: Sendable {
    /// The server's certificate, followed by its intermediates.
    public var certificateChainFile: String

    /// The private key of the first certificate in the chain.
    public var privateKeyFile: String

    /// What the private key's file is encrypted with, if it is.
    public var privateKeyPassword: String?

    /// Whether devices show certificates, and who signs them.
    public var clientVerification: ClientVerification

    /// The oldest version that is spoken.
    public var minimumVersion: TLSVersion

    /// The protocols accepted by ALPN (RFC 7301); a peer that offers others, or none, is let in
    /// without one.
    public var applicationProtocols: [String]

    /// How long after the full handshake a session may be resumed, in seconds; at most the seven
    /// days of RFC 8446, 4.6.1.
    public var resumptionLifetimeSeconds: Int

    public init(
        certificateChainFile: String,
        privateKeyFile: String,
        privateKeyPassword: String? = nil,
        clientVerification: ClientVerification = .none,
        minimumVersion: TLSVersion = .v1_2,
        applicationProtocols: [String] = ["mqtt"],
        resumptionLifetimeSeconds: Int = 86_400
    ) {
        self.certificateChainFile = certificateChainFile
        self.privateKeyFile = privateKeyFile
        self.privateKeyPassword = privateKeyPassword
        self.clientVerification = clientVerification
        self.minimumVersion = minimumVersion
        self.applicationProtocols = applicationProtocols
        self.resumptionLifetimeSeconds = resumptionLifetimeSeconds
    }
}
