extension GatewayConfiguration {
    /// How devices are admitted.
    public struct Activation: Equatable, Sendable {
        /// An entitlement is near its expiry when it ends within this time (rule B11).
        /// Unit: days. Range: 1 to 3,650. Default: 30.
        public var nearExpiryDays = 30

        /// How far the timestamp that a device signed may be from the gateway's clock, either way.
        /// Unit: seconds. Range: 0 to 86,400; 0 does not look at it. Default: 0.
        public var timestampWindowSeconds = 0

        public var freeCodes = FreeCodes()

        public init() {}
    }
}
