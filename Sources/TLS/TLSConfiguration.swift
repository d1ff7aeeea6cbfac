/// What a listener needs to answer TLS. Files are PEM and read once, when the context is built;
/// a changed certificate is a new context.
public struct TLSServerConfiguration: Sendable {
    /// The server's certificate, followed by its intermediates.
    public var certificateChainFile: String

    /// The private key of the first certificate in the chain.
    public var privateKeyFile: String

    /// What the private key's file is encrypted with, if it is.
    public var privateKeyPassword: String?

    /// A second pair of certificate chain and private key, of another kind of key (RSA beside ECDSA): for
    /// clients that can't verify the first.
    public var alternative: (certificateChainFile: String, privateKeyFile: String)?

    /// Whether devices show certificates, and who signs them.
    public var clientVerification: ClientVerification

    /// Whether clients may prove themselves by pre-shared keys, which the port's `preSharedKeys` finds. In TLS 1.2 that
    /// takes suites for it, too: `TLSAlgorithms.legacyWithPreSharedKeys`.
    public var takesPreSharedKeys = false

    /// The oldest and the newest version that are spoken.
    public var minimumVersion: TLSVersion
    public var maximumVersion: TLSVersion

    /// Cipher suites and groups.
    public var algorithms: TLSAlgorithms

    /// The protocols accepted by ALPN (RFC 7301), best first; a peer that offers only others is refused
    /// (alert `no_application_protocol`), one that offers none is let in. None: whatever is offered is passed over.
    public var applicationProtocols: [String]

    /// How long after the full handshake a session may be resumed, in seconds; at most the seven
    /// days of RFC 8446, 4.6.1.
    public var resumptionLifetimeSeconds: Int

    public init(
        certificateChainFile: String,
        privateKeyFile: String,
        privateKeyPassword: String? = nil,
        alternative: (certificateChainFile: String, privateKeyFile: String)? = nil,
        clientVerification: ClientVerification = .none,
        minimumVersion: TLSVersion = .v1_2,
        maximumVersion: TLSVersion = .v1_3,
        algorithms: TLSAlgorithms = .standard,
        applicationProtocols: [String] = [],
        resumptionLifetimeSeconds: Int = 86_400
    ) {
        self.certificateChainFile = certificateChainFile
        self.privateKeyFile = privateKeyFile
        self.privateKeyPassword = privateKeyPassword
        self.alternative = alternative
        self.clientVerification = clientVerification
        self.minimumVersion = minimumVersion
        self.maximumVersion = maximumVersion
        self.algorithms = algorithms
        self.applicationProtocols = applicationProtocols
        self.resumptionLifetimeSeconds = resumptionLifetimeSeconds
    }
}

/// What a connecting side needs: the load harness, probes and tests.
public struct TLSClientConfiguration: Sendable {
    /// PEM file of the authorities that the server's certificate must come from. `nil` accepts any
    /// certificate, which is for peers on the loopback only.
    public var authorityFile: String?

    /// Our own certificate chain, if the server asks for one.
    public var certificateChainFile: String?

    /// The private key of our own certificate.
    public var privateKeyFile: String?

    /// The key that we prove ourselves by, instead of either side's certificate: `TLSAlgorithms.preSharedKeys` is then
    /// what is offered.
    public var preSharedKey: PreSharedKeyCredentials?

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

/// Whether peers that connect to us show a certificate.
public enum ClientVerification: Sendable, Equatable {
    /// They are not asked for one.
    case none

    /// They are asked; one that is shown must come from an authority in the PEM file.
    case optional(authorityFile: String)

    /// They are asked, and refused without one (alert `certificate_required`).
    case required(authorityFile: String)

    /// The PEM file of the authorities; nil without verification.
    public var authorityFile: String? {
        switch self {
        case .none: nil
        case .optional(let file), .required(let file): file
        }
    }
}
