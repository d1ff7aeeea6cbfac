extension GatewayConfiguration {
    /// What is written to standard error.
    public struct Log: Equatable, Sendable {
        public enum Level: String, CaseIterable, Equatable, Sendable {
            case trace, debug, info, notice, warning, error, critical
        }

        /// The least important level that is written. Default: `info`.
        public var level = Level.info

        public init() {}
    }
}
