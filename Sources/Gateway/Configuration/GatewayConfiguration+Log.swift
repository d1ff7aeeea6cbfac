extension GatewayConfiguration {
    /// What is written to standard error.
    public struct Log: Equatable, Sendable {
        public enum Level: String, CaseIterable, Equatable, Sendable {
            case trace, debug, info, notice, warning, error, critical
        }

        public enum Format: String, CaseIterable, Equatable, Sendable {
            /// Lines for people.
            case text

            /// A JSON object a line.
            case json
        }

        /// How lines look. Default: `text`.
        public var format = Format.text

        /// The least important level that is written. Default: `info`.
        public var level = Level.info

        public init() {}
    }
}
