import Ledger

extension GatewayConfiguration {
    /// What one client, and all of them together, may take. Limits for the whole gateway are shared
    /// equally by its shards.
    public struct Limits: Equatable, Sendable {
        /// Connections open at once, over all listeners; the next ones are accepted and closed.
        /// Unit: connections. Range: 1 to 10,000,000. Default: 1,000,000.
        public var connections = 1_000_000

        /// Connections that have not been admitted yet (TLS handshake or CONNECT outstanding), over
        /// all listeners. When there are as many, the address that has the most makes room for others.
        /// Unit: connections. Range: 1 to 1,000,000. Default: 10,000.
        public var handshakesInFlight = 10_000

        /// Those of one address (of IPv6, of one /64). When there are as many, the one that has been silent
        /// longest makes room for the next, unless all have come within the last two seconds. Unit: connections.
        /// Range: 1 to `handshakesInFlight`. Default: half of it, but 100 where there may be as many.
        public var unadmittedPerAddress: Int?

        var unadmittedPerAddressByDefault: Int {
            max(handshakesInFlight / 2, min(handshakesInFlight, 100))
        }

        /// Connections of one address (of IPv6, of one /64) in a second, twice as many at once; this machine's
        /// own are not counted. Unit: connections a second. Range: 1 to 1,000,000. Default: 1,000.
        public var connectsPerSecondPerAddress = 1_000

        /// Networks that no limit of one address holds for, as many clients come from each of their
        /// addresses: `10.0.0.0/8`, `2001:db8::/32`. Default: none.
        public var exemptNetworks: [String] = []

        /// The TLS handshake must be complete this long after the connection was accepted.
        /// Unit: seconds. Range: 1 to 300. Default: 20.
        public var handshakeTimeoutSeconds = 20

        /// The CONNECT packet must be complete this long after the handshake (on a plain listener,
        /// after the connection was accepted). Unit: seconds. Range: 1 to 300. Default: 10.
        public var connectTimeoutSeconds = 10

        /// The largest CONNECT packet, fixed header included. Unit: bytes. Range: 128 to
        /// `packetSizeBytes`. Default: 16,384.
        public var connectPacketSizeBytes = 16_384

        /// The largest packet of an admitted client, fixed header included; MQTT 5 clients are told.
        /// Unit: bytes. Range: 128 to 268,435,460 (the largest that MQTT can express).
        /// Default: 262,144.
        public var packetSizeBytes = 262_144

        /// QoS 1 and 2 messages of one client that are not acknowledged yet, in each direction; the
        /// Receive Maximum that MQTT 5 clients are told. Unit: messages. Range: 1 to 65,535.
        /// Default: 64.
        public var inflightMessages = 64

        /// Bytes that wait for one client which reads slower than it is sent to.
        /// Unit: bytes. Range: `packetSizeBytes` to 1,073,741,824 (1 GiB). Default: 1,048,576.
        public var queueBytes = 1_048_576

        /// QoS 1 and 2 messages that wait for one client, or are not acknowledged by it. An application that
        /// reads loses none for that: those who publish to it are slowed down.
        /// Unit: messages. Range: 1 to 1,000,000. Default: 1,000.
        public var queueMessages = 1_000

        /// Topic aliases of one client for one connection, in each direction; MQTT 5 clients are told.
        /// Unit: aliases. Range: 0 (none) to 65,535. Default: 16.
        public var topicAliasMaximum = 16

        /// A client that asks for a shorter keep-alive gets this one. Unit: seconds.
        /// Range: 0 to `keepAliveMaximumSeconds`. Default: 0 (whatever the client asks for).
        public var keepAliveMinimumSeconds = 0

        /// A client that asks for a longer keep-alive, or for none, gets this one; MQTT 5 clients are
        /// told (Server Keep Alive). MQTT 3.1.1 can't tell, so there a longer one is kept. Unit: seconds. Range: 1 to 65,535. Default: 3,600.
        public var keepAliveMaximumSeconds = 3_600

        /// How long a client's session may outlive its connection; who asks for longer gets this, and
        /// MQTT 5 clients are told. MQTT 3.1.1 clients without Clean Session get it. Unit: seconds.
        /// Range: 0 (no session is kept) to 4,294,967,295 (no limit). Default: 604,800 (7 days).
        public var sessionExpiryMaximumSeconds = 604_800

        /// Retained messages of all topics together. Unit: messages. Range: 0 to 100,000,000.
        /// Default: 1,000,000.
        public var retainedMessages = 1_000_000

        /// Their topics, payloads and properties. Unit: bytes. Range: 0 to 1,099,511,627,776 (1 TiB).
        /// Default: 1,073,741,824 (1 GiB).
        public var retainedBytes = 1_073_741_824

        /// Levels of a topic name or filter, of a will's topic too. Unit: levels. Range: 4 to 128. Default: 32.
        public var topicLevels = 32

        /// Topic filters that one client is subscribed to. Unit: filters. Range: 1 to 10,000.
        /// Default: 100.
        public var subscriptions = 100

        /// A device whose connections displace each other more often than this within a minute is
        /// refused for a while. Unit: connections a minute. Range: 1 to 1,000. Default: 15.
        public var duplicatesPerMinute = 15

        /// How long such a device is refused; being refused does not extend it.
        /// Unit: seconds. Range: 1 to 3,600. Default: 60.
        public var duplicatePenaltySeconds = 60

        /// Wrong secrets of one device, or one application's key, in a minute; with more, none is looked at
        /// for a second, then two, then four. Unit: failures a minute. Range: 1 to 1,000,000. Default: 10.
        public var wrongSecretsPerMinute = 10

        /// The same from one address (of IPv6, from one /64), whatever they are for; and tokens of the API that
        /// are not valid. Unit: failures a minute. Range: 1 to 1,000,000. Default: 300.
        public var wrongSecretsPerMinutePerAddress = 300

        /// The longest such time; being refused does not extend it. Unit: seconds. Range: 1 to 3,600.
        /// Default: 60.
        public var wrongSecretPenaltySeconds = 60
        /// Products of an individual account, with those of its sub-accounts (rule A12).
        /// Unit: products. Range: 0 (no limit) to 1,000,000. Default: 10.
        public var productsOfIndividual = 10

        /// The same of an enterprise. Default: 300.
        public var productsOfEnterprise = 300

        /// Registered devices of one product. Unit: devices. Range: 0 (no limit) to 1,000,000,000.
        /// Default: 10,000,000.
        public var devicesOfProduct = 10_000_000

        /// Registered devices of an account, with those of its sub-accounts. Unit: devices.
        /// Range: 0 (no limit) to 1,000,000,000. Default: 100,000,000.
        public var devicesOfAccount = 100_000_000

        /// Devices of one product that nobody had imported, and that register themselves.
        /// Unit: a day. Range: 0 (no limit) to 1,000,000,000. Default: 10,000.
        public var registrationsPerDay = 10_000

        public init() {}
    }
}

extension GatewayConfiguration.Limits {
    /// Those that the books keep (rule A12).
    var ofBooks: BooksLimits {
        var limits = BooksLimits()
        limits.productsOfIndividual = UInt64(productsOfIndividual)
        limits.productsOfEnterprise = UInt64(productsOfEnterprise)
        limits.devicesOfProduct = UInt64(devicesOfProduct)
        limits.devicesOfAccount = UInt64(devicesOfAccount)
        limits.registrationsPerDay = UInt64(registrationsPerDay)
        return limits
    }
}
