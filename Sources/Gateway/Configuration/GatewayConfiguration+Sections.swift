public import Ledger

extension GatewayConfiguration {
    /// How far the stores may grow. The maps are sparse: space is taken only when it is used.
    public struct Storage: Equatable, Sendable {
        /// Size of the map of the books. Unit: bytes. Range: 1,048,576 (1 MiB) to
        /// 17,592,186,044,416 (16 TiB). Default: 68,719,476,736 (64 GiB).
        public var ledgerMapBytes = 68_719_476_736

        /// What the map of the books is made larger to, without a restart, as it fills. Unit: bytes. Range: 0 (it
        /// stays as it is) to 17,592,186,044,416 (16 TiB). Default: 0.
        public var ledgerMapMaximumBytes = 0

        /// Size of the map of counters and sessions. Unit: bytes. Range: 1,048,576 (1 MiB) to
        /// 17,592,186,044,416 (16 TiB). Default: 68,719,476,736 (64 GiB).
        public var usageMapBytes = 68_719_476_736

        /// The same for the map of counters and sessions. Unit: bytes. Range: 0 (it stays as it is) to
        /// 17,592,186,044,416 (16 TiB). Default: 0.
        public var usageMapMaximumBytes = 0

        public init() {}
    }
}

extension GatewayConfiguration {
    /// What every listener with `tls: true` uses.
    public struct TLS: Equatable, Sendable {
        /// A protocol version.
        public enum Version: String, CaseIterable, Equatable, Sendable {
            case v1_2 = "1.2"
            case v1_3 = "1.3"
        }

        /// PEM file with the server's certificate and its chain, leaf first.
        /// Default: `./data/tls/cert.pem`.
        public var certificate = "./data/tls/cert.pem"

        /// PEM file with the certificate's private key. Default: `./data/tls/key.pem`.
        public var key = "./data/tls/key.pem"

        /// PEM file with the authorities that may sign devices' certificates; `nil` when clients
        /// are not asked for one. Default: none.
        public var clientCA: String?

        /// What is offered when nothing else is said.
        public enum Preset: String, CaseIterable, Equatable, Sendable {
            /// Forward secrecy and authenticated encryption only.
            case standard

            /// Behind these what old modems have: CBC, RSA key exchange, P-384.
            case legacy
        }

        /// PEM files of a second pair with another kind of key, for clients that can't verify the first:
        /// RSA beside ECDSA. Both or none. Default: none.
        public var alternativeCertificate: String?
        public var alternativeKey: String?

        /// `1.2` or `1.3`. Default: `1.2`.
        public var minimumVersion = Version.v1_2

        /// `1.2` or `1.3`, not older than the oldest. Default: `1.3`.
        public var maximumVersion = Version.v1_3

        /// `standard` or `legacy`. Default: `standard`.
        public var preset = Preset.standard

        /// Whether devices may connect with a pre-shared key (TLS-PSK), their secret, without looking at a certificate: those
        /// of products that accept the proof `psk`. With `legacy` only. Default: false.
        public var psk = false

        /// Cipher suites of TLS 1.3, the best first, by OpenSSL's names: `TLS_AES_128_GCM_SHA256`.
        /// Default: those of the preset.
        public var cipherSuites: [String] = []

        /// The same of TLS 1.2: `ECDHE-RSA-AES128-GCM-SHA256`. Default: those of the preset.
        public var ciphers: [String] = []

        /// Groups for the exchange of keys: `X25519`, `P-256`. Default: those of the preset.
        public var groups: [String] = []

        /// How long before a certificate ends that is warned of. Unit: days. Range: 0 to 3,650. Default: 30.
        public var expiryWarningDays = 30

        /// How long one key seals session tickets before the next one takes over; tickets stay good
        /// for one further period. Unit: hours. Range: 1 to 168. Default: 12.
        public var ticketRotationHours = 12

        public init() {}
    }
}

extension GatewayConfiguration {
    /// How messages are counted (rules C1, C5 and C7).
    public struct Metering: Equatable, Sendable {
        /// Payload that one message of the allowance pays for; a started unit counts as one.
        /// Unit: bytes. Range: 1 to 1,048,576. Default: 512.
        public var unitBytes = 512

        /// How often changed counters are written to disk: what a crash can lose of a device's count.
        /// Unit: seconds. Range: 1 to 3,600. Default: 5.
        public var flushIntervalSeconds = 5

        /// Where the day of a product begins that was created without saying so.
        /// Unit: minutes east of UTC. Range: -1,080 to 1,080. Default: 0.
        public var dayOffsetMinutes = 0

        /// An OTA upgrade whose outcome nobody has reported ends after so long (rule D2); its attempts
        /// stay used. Unit: days. Range: 0 (never) to 3,650. Default: 30.
        public var upgradeReportDays = 30

        public init() {}
    }
}

extension GatewayConfiguration {
    /// How devices are admitted.
    public struct Activation: Equatable, Sendable {
        /// An entitlement is near its expiry when it ends within this time (rule B11).
        /// Unit: days. Range: 1 to 3,650. Default: 30.
        public var nearExpiryDays = 30

        /// How far the timestamp that a device signed may be from the gateway's clock, either way.
        /// Unit: seconds. Range: 0 to 86,400; 0 does not look at it. Default: 0.
        public var timestampWindowSeconds = 0

        /// The shortest secret that a device can be given, in an import or one by one; those that the
        /// gateway makes have 32 characters. Unit: characters. Range: 1 to 32. Default: 16.
        public var secretLengthMinimum = 16
        /// How far the clock may be ahead of the last sign of life in the books before nothing is
        /// consumed any more (rule B16). Unit: hours. Range: 0 to 8,760; with 0 the clock is not
        /// looked at. Default: 24.
        public var clockAheadHours = 24

        public var freeCodes = FreeCodes()

        public init() {}
    }
}

extension GatewayConfiguration {
    /// The HTTP side.
    public struct Admin: Equatable, Sendable {
        /// An IPv4 or IPv6 address of this machine. Default: `127.0.0.1`.
        public var address = "127.0.0.1"

        /// TCP port. Range: 0 to 65,535; with 0 the system picks a free one. Default: 8080.
        public var port = 8_080

        /// What it answers TLS with; without it the port speaks plain HTTP.
        public var tls = TLS()

        public struct TLS: Equatable, Sendable {
            /// PEM file with the certificate and its chain, leaf first. Default: none.
            public var certificate: String?

            /// PEM file with the certificate's private key. Default: none.
            public var key: String?

            public init() {}
        }

        /// The largest request body, but for a CSV of devices. Unit: bytes. Range: 1,024 to
        /// 1,073,741,824 (1 GiB). Default: 16,777,216 (16 MiB).
        public var requestSizeBytes = 16_777_216

        /// The largest CSV of devices, which is read as it comes. Unit: bytes. Range: 1,024 to
        /// 17,179,869,184 (16 GiB). Default: 268,435,456 (256 MiB, some 5 million devices).
        public var importSizeBytes = 268_435_456

        /// Requests that one token may make, and that may come from one address without one; what two
        /// seconds allow may come at once. Unit: a second. Range: 1 to 1,000,000. Default: 200.
        public var requestsPerSecond = 200

        /// How long a client may keep a connection waiting: for a request, the rest of one (and one
        /// second more for each 64 KiB of its body), or until it takes its answer. Unit: seconds.
        /// Range: 1 to 3,600. Default: 60.
        public var requestTimeoutSeconds = 60

        /// Bytes of JSON bodies in memory at once, of all requests; the first 64 KiB of each are not
        /// counted, and one body has room always. Range: 1,024 to 68,719,476,736 (64 GiB). Default:
        /// 67,108,864 (64 MiB).
        public var bodiesInFlightBytes = 67_108_864

        /// Connections open at once. For one more, that one gives way which has waited longest for a
        /// request; when all are busy, only what watches the gateway is answered. Range: 1 to 100,000.
        /// Default: 1,000.
        public var connections = 1_000

        /// Of these, from one address (of IPv6, one /64 network). Range: 1 to 100,000. Default: 500.
        public var connectionsPerAddress = 500

        /// Streams of events open at once. Range: 1 to 1,000. Default: 16.
        public var eventStreams = 16

        /// Whether each request is a line of the log: who asked for what, how it was answered, and how long that took.
        /// Default: false.
        public var accessLog = false

        /// Whether there are pages for people at `/console`. Default: true.
        public var console = true

        public init() {}
    }
}

extension GatewayConfiguration {
    /// A listener of its own for `/healthz`, `/readyz` and `/metrics`, so that what watches the gateway need not reach the
    /// API. It speaks plain HTTP, and asks for no token.
    public struct Monitoring: Equatable, Sendable {
        /// An IPv4 or IPv6 address of this machine; `nil`: there is none, the API's port has them alone. Default: none.
        public var address: String?

        /// TCP port. Range: 0 to 65,535; with 0 the system picks a free one. Default: 9464.
        public var port = 9_464

        /// Open at once.
        public static let connections = 32

        public init() {}
    }
}

extension GatewayConfiguration {
    /// Where events go by HTTP.
    public struct Webhooks: Equatable, Sendable {
        /// Whether they may go to addresses that are not public: loopback, private and link-local ones. Then tenants
        /// can have requests sent into the gateway's own network. Default: `false`.
        public var allowPrivateAddresses = false

        /// Whether URLs may begin with `http://`: events are then read by all on the way. Default: `false`.
        public var allowPlainHTTP = false

        /// PEM file of authorities that may sign receivers' certificates, besides those that the system trusts;
        /// `nil`: no others. Default: none.
        public var trustedCertificates: String?

        public init() {}
    }
}

extension GatewayConfiguration {
    /// Copies of the stores.
    public struct Backup: Equatable, Sendable {
        /// Below which directories backups may be written, and nowhere else; none: nowhere. Default:
        /// `./backups` and `/var/backups/tollgate`.
        public var directories = ["./backups", "/var/backups/tollgate"]

        public init() {}
    }
}

extension GatewayConfiguration {
    /// What makes the gateway a node of a cluster, whose books change through one log in NATS JetStream. Without a
    /// name it is alone, and nothing else can be set here.
    public struct Cluster: Equatable, Sendable, NATSAccess {
        /// This gateway's name, no other's in the cluster, and the same at each start. 1 to 64 of
        /// `[A-Za-z0-9_.-]`, not `gateway`. Default: none.
        public var node: String?

        /// The NATS servers, `nats://HOST:PORT` or, with TLS, `tls://HOST:PORT`; some of them are enough.
        public var servers: [String] = []

        /// The stream that is the log: letters, digits, `_` and `-`. Default: `TOLLGATE`.
        public var stream = "TOLLGATE"

        /// On how many servers each entry is: 3 or 5; 1 survives no loss of its server, and is for trying out.
        /// Default: 3.
        public var replicas = 3

        /// On how many nodes this one's stored sessions are: 1, so that they are away as long as it is, or 2, so that they
        /// are there when it is gone, and what concerns them waits for both disks. Default: 1.
        public var sessionReplicas = 1

        /// Who the gateway is for the servers: a name and a file with its password, or a file with a token, or one
        /// with a JWT and its seed, as `nsc` writes it. Default: no credentials.
        public var user: String?
        public var passwordFile: String?
        public var tokenFile: String?
        public var credentialsFile: String?
        public var tls = ServerTLS()

        /// How the servers prove who they are, and the gateway to them. PEM files.
        public struct ServerTLS: Equatable, Sendable {
            /// Who may sign the servers' certificates. Default: whom the system trusts.
            public var ca: String?

            /// The gateway's own pair, if the servers ask for one. Both or none.
            public var certificate: String?
            public var key: String?

            public init() {}
        }

        public init() {}

        /// `node` as the books name it; `nil` of a gateway alone. Of a valid configuration.
        public var name: NodeName? { node.flatMap { NodeName($0) } }

    }
}

/// How NATS servers are reached.
public protocol NATSAccess: Sendable {
    var servers: [String] { get }
    var user: String? { get }
    var passwordFile: String? { get }
    var tokenFile: String? { get }
    var credentialsFile: String? { get }
    var tls: GatewayConfiguration.Cluster.ServerTLS { get }
}

extension NATSAccess {
    /// Whether the servers are spoken to over TLS.
    public var usesTLS: Bool {
        tls != GatewayConfiguration.Cluster.ServerTLS()
            || servers.contains { $0.hasPrefix("tls://") }
    }
}

extension GatewayConfiguration {
    /// The NATS servers that have the streams that products name, for the messages of their devices. Without servers
    /// here, they are the cluster's; a gateway alone has none then, and no product can name a stream.
    public struct Uplink: Equatable, Sendable, NATSAccess {
        /// As `cluster.servers`. Default: those of the cluster, with its credentials and TLS.
        public var servers: [String] = []

        /// On how many servers a stream is that is made here: 1, 3 or 5. Default: `cluster.replicas` on the cluster's
        /// servers, else 3.
        public var replicas: Int?

        /// As those of `cluster`.
        public var user: String?
        public var passwordFile: String?
        public var tokenFile: String?
        public var credentialsFile: String?
        public var tls = Cluster.ServerTLS()

        public init() {}
    }

    /// How the servers of uplink streams are reached, and on how many of them a stream is that is made; `nil`: there
    /// are none.
    public var uplinkAccess: (access: any NATSAccess, replicas: Int)? {
        if !uplink.servers.isEmpty { return (uplink, uplink.replicas ?? 3) }
        return cluster.node == nil ? nil : (cluster, uplink.replicas ?? cluster.replicas)
    }
}

extension GatewayConfiguration {
    /// What is written to standard error.
    public struct Log: Equatable, Sendable {
        public enum Level: String, CaseIterable, Equatable, Sendable {
            case trace, debug, info, notice, warning, error, critical
        }

        public enum Format: String, CaseIterable, Equatable, Sendable {
            /// Lines for people.
            case text

            /// A JSON object a line.
            case json
        }

        /// How lines look. Default: `text`.
        public var format = Format.text

        /// The least important level that is written. Default: `info`.
        public var level = Level.info

        public init() {}
    }
}

extension GatewayConfiguration {
    /// The codes that accounts and products are given when they are created (rule A7).
    public struct FreeCodes: Equatable, Sendable {
        /// How many, and what for.
        public enum Policy: String, CaseIterable, Equatable, Sendable {
            /// A new account gets 10 as an enterprise and 5 as an individual, and 5 more when it is
            /// certified.
            case perAccount = "account-10-5"

            /// Each new product gets 100 if its account is an enterprise, 20 if it is an individual.
            case perProduct = "product-100-20"
            case none
        }

        /// `account-10-5`, `product-100-20` or `none`. Default: `account-10-5`.
        public var policy = Policy.perAccount

        /// The package that free codes are of. It is made with the allowance below when it does not
        /// exist; afterwards it stays as it is. 1 to 64 of `[A-Za-z0-9_.-]`. Default: `free`.
        public var package = "free"

        /// Unit: days. Range: 1 to 36,500. Default: 365.
        public var validityDays = 365

        /// Unit: messages per device. Range: 0 to 4,294,967,295. Default: 1,500.
        public var messagesPerDay = 1_500

        /// Unit: attempts per device. Range: 0 to 1,000,000. Default: 1.
        public var otaPerMonth = 1

        /// How long stored messages are kept. Unit: days. Range: 0 to 36,500. Default: 7.
        public var storageDays = 7

        public init() {}

        /// What commands carry; `nil` when no free codes are given. Of a valid configuration.
        public var terms: FreeCodeTerms? {
            let name = policy.rawValue
            guard let policy = FreeCodePolicy.allCases.first(where: { $0.name == name }) else {
                return nil
            }
            guard let package = PackageID(package),
                let allowance = Allowance(
                    validityDays: UInt32(validityDays),
                    messagesPerDay: UInt64(messagesPerDay),
                    otaPerMonth: UInt32(otaPerMonth),
                    storageDays: UInt32(storageDays)
                )
            else { preconditionFailure("a configuration that was not validated") }
            return FreeCodeTerms(policy: policy, package: package, allowance: allowance)
        }
    }
}
