extension GatewayConfiguration {
    /// The HTTP side.
    public struct Admin: Equatable, Sendable {
        /// An IPv4 or IPv6 address of this machine. Default: `127.0.0.1`.
        public var address = "127.0.0.1"

        /// TCP port. Range: 0 to 65,535; with 0 the system picks a free one. Default: 8080.
        public var port = 8_080

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

        /// Connections open at once; more wait to be accepted. Range: 1 to 100,000. Default: 1,000.
        public var connections = 1_000

        /// Streams of events open at once. Range: 1 to 1,000. Default: 16.
        public var eventStreams = 16

        public init() {}
    }
}
