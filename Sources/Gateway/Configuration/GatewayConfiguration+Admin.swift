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

        public init() {}
    }
}
