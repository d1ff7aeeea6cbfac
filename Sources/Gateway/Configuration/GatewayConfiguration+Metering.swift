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

        public init() {}
    }
}
