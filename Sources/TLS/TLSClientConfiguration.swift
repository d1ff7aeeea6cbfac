/// What a connecting side needs: the load harness, probes and tests.
public struct TLSClientConfiguration: Sendable {
    /// PEM file of the authorities that the server's certificate must come from. `nil` accepts any
    /// certificate, which is for peers on the loopback only.
    public var authorityFile: String?

    /// Our own certificate chain, if the server asks for one.
    public var certificateChainFile: String?

    /// The private key of our own certificate.
    public var privateKeyFile: String?

    public var minimumVersion: TLSVersion
    public var maximumVersion: TLSVersion

    /// The protocols offered by ALPN (RFC 7301), best first; none offers no ALPN.
    public var applicationProtocols: [String]

    public init(
        authorityFile: String? = nil,
        certificateChainFile: String? = nil,
        privateKeyFile: String? = nil,
        minimumVersion: TLSVersion = .v1_2,
        maximumVersion: TLSVersion = .v1_3,
        applicationProtocols: [String] = []
    ) {
        self.authorityFile = authorityFile
        self.certificateChainFile = certificateChainFile
        self.privateKeyFile = privateKeyFile
        self.minimumVersion = minimumVersion
        self.maximumVersion = maximumVersion
        self.applicationProtocols = applicationProtocols
    }
}
