extension GatewayConfiguration {
    /// Where the messages of devices are stored whose products say so (rule D3), and how much of them.
    public struct MessageLog: Equatable, Sendable {
        /// Its directory; created with mode 0700 when it does not exist. Default: `messages` in `data`.
        public var directory: String?

        /// All of it together: beyond that the oldest messages are removed, whatever their days. Unit: bytes. Range:
        /// 16,777,216 (16 MiB) to 17,592,186,044,416 (16 TiB). Default: 10,737,418,240 (10 GiB).
        public var maximumBytes = 10_737_418_240

        /// What it leaves free of its file system, which the books may be on: below that the oldest messages are
        /// removed, and then none stored. Unit: bytes. Range: 0 to 17,592,186,044,416 (16 TiB). Default: 1,073,741,824
        /// (1 GiB).
        public var minimumFreeBytes = 1_073_741_824

        /// How long messages are gathered in memory before they are written: twice that can be lost. Unit: seconds.
        /// Range: 1 to 60. Default: 1.
        public var flushIntervalSeconds = 1

        public init() {}

        func validate() throws(ConfigurationProblem) {
            if let directory { try requireText(directory, "messageLog.directory") }
            let most = 17_592_186_044_416
            try require(maximumBytes, in: 16_777_216...most, "messageLog.maximumBytes")
            try require(minimumFreeBytes, in: 0...most, "messageLog.minimumFreeBytes")
            try require(flushIntervalSeconds, in: 1...60, "messageLog.flushIntervalSeconds")
        }
    }
}
