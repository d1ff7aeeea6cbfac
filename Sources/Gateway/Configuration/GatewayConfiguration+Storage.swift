extension GatewayConfiguration {
    /// How far the stores may grow. The maps are sparse: space is taken only when it is used.
    public struct Storage: Equatable, Sendable {
        /// Size of the map of the books. Unit: MiB. Range: 1 to 16,777,216 (16 TiB).
        /// Default: 65,536 (64 GiB).
        public var ledgerMapMiB = 65_536

        /// Size of the map of counters and sessions. Unit: MiB. Range: 1 to 16,777,216 (16 TiB).
        /// Default: 65,536 (64 GiB).
        public var usageMapMiB = 65_536

        public init() {}
    }
}
