extension GatewayConfiguration {
    /// What every listener with `tls: true` uses.
    public struct TLS: Equatable, Sendable {
        /// The oldest protocol version that is accepted.
        public enum Version: String, CaseIterable, Equatable, Sendable {
            case v1_2 = "1.2"
            case v1_3 = "1.3"
        }

        /// PEM file with the server's certificate and its chain, leaf first.
        /// Default: `./data/tls/cert.pem`.
        public var certificate = "./data/tls/cert.pem"

        /// PEM file with the certificate's private key. Default: `./data/tls/key.pem`.
        public var key = "./data/tls/key.pem"

        /// PEM file with the authorities that may sign devices' certificates; `nil` when clients
        /// are not asked for one. Default: none.
        public var clientCA: String?

        /// `1.2` or `1.3`. Default: `1.2`.
        public var minimumVersion = Version.v1_2

        /// How long one key seals session tickets before the next one takes over; tickets stay good
        /// for one further period. Unit: hours. Range: 1 to 168. Default: 12.
        public var ticketRotationHours = 12

        public init() {}
    }
}
