extension GatewayConfiguration {
    /// How far the stores may grow. The maps are sparse: space is taken only when it is used.
    public struct Storage: Equatable, Sendable {
        /// Size of the map of the books. Unit: bytes. Range: 1,048,576 (1 MiB) to
        /// 17,592,186,044,416 (16 TiB). Default: 68,719,476,736 (64 GiB).
        public var ledgerMapBytes = 68_719_476_736

        /// Size of the map of counters and sessions. Unit: bytes. Range: 1,048,576 (1 MiB) to
        /// 17,592,186,044,416 (16 TiB). Default: 68,719,476,736 (64 GiB).
        public var usageMapBytes = 68_719_476_736

        public init() {}
    }
}
