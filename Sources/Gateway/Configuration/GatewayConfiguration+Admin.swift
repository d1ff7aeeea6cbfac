extension GatewayConfiguration {
    /// The HTTP side.
    public struct Admin: Equatable, Sendable {
        /// An IPv4 or IPv6 address of this machine. Default: `127.0.0.1`.
        public var address = "127.0.0.1"

        /// TCP port. Range: 0 to 65,535; with 0 the system picks a free one. Default: 8080.
        public var port = 8_080

        /// The largest request body. Unit: bytes. Range: 1,024 to 1,073,741,824 (1 GiB).
        /// Default: 16,777,216 (16 MiB, some 300,000 lines of a device import).
        public var requestSizeBytes = 16_777_216

        public init() {}
    }
}
