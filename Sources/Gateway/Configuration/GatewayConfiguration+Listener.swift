extension GatewayConfiguration {
    /// One address and port where clients connect.
    public struct Listener: Equatable, Sendable {
        /// Who is let in.
        public enum Authentication: String, CaseIterable, Equatable, Sendable {
            /// Devices and applications with credentials.
            case devices
            /// Anybody, with the rights of an application for all products: for tests and
            /// conformance suites only.
            case none
        }

        /// What clients speak.
        public enum `Protocol`: String, CaseIterable, Equatable, Sendable {
            /// MQTT, over TCP or TLS.
            case mqtt
            /// MQTT in WebSockets (RFC 6455), for pages in a browser.
            case websocket
        }

        /// Names the listener in logs, metrics and overrides; unique. 1 to 32 of `[a-z0-9-]`.
        public var name: String

        /// An IPv4 or IPv6 address of this machine; `0.0.0.0` and `::` are all of them.
        /// Default: `127.0.0.1`.
        public var address: String

        /// TCP port. Range: 0 to 65,535; with 0 the system picks a free one. No default.
        public var port: Int

        /// Whether clients speak TLS. Default: true.
        public var tls: Bool

        /// `mqtt` or `websocket`. Default: `mqtt`.
        public var `protocol`: `Protocol`

        /// What WebSocket clients must ask for. Begins with `/`; at most 1,024 visible characters of
        /// ASCII without `?` and `#`. Default: `/mqtt`.
        public var path: String

        /// The pages that may open a WebSocket: their origins as browsers send them, such as
        /// `https://app.example` or `http://localhost:3000`; `null` for pages without one; `*` for
        /// any. With none, a page must come from the host that it connects to. Who sends no origin is
        /// not a page, and is let through. Default: none.
        public var origins: [String]

        /// `devices` or `none`. Default: `devices`.
        public var authentication: Authentication

        /// The longest keep-alive, as `limits.keepAliveMaximumSeconds`, for this listener.
        /// Default: that one.
        public var keepAliveMaximumSeconds: Int?

        /// Topic aliases of a client, as `limits.topicAliasMaximum`, for this listener.
        /// Default: that one.
        public var topicAliasMaximum: Int?

        /// Unacknowledged messages of a client, as `limits.inflightMessages`, for this listener.
        /// Default: that one.
        public var receiveMaximum: Int?

        /// The largest packet of an admitted client, as `limits.packetSizeBytes`, which it must not
        /// exceed, for this listener. Default: that one.
        public var packetSizeBytes: Int?

        /// Of a listener without authentication: the topics that may be published and subscribed to, as
        /// topic filters. Default: `#`, all.
        public var allowedTopics = ["#"]

        /// The same: those of them that may not. A wider filter may be subscribed to, and brings none
        /// of them. Default: none.
        public var deniedTopics: [String] = []

        /// The same: whether clients may exchange messages on `$SYS` and what is below it, which a
        /// server should prevent (4.7.2). For conformance suites. Default: false.
        public var systemTopics = false

        /// Whether a proxy in front announces the client's address, with the PROXY protocol (version 1 or 2)
        /// before anything else. Nobody else can connect then. Default: false.
        public var proxyProtocol: Bool

        /// The networks of these proxies: `10.0.0.0/8`, `2001:db8::7`. Default: this machine.
        public var trustedProxies = ["127.0.0.0/8", "::1"]

        /// Whether clients of MQTT 3.1 (`MQIsdp`), which OASIS' versions have replaced, are taken too. Default: false.
        public var mqtt31 = false

        /// Whether the API and the console are at this port too, for clients of HTTP: who offers `http/1.1` by ALPN
        /// (RFC 7301), as browsers and curl do, and nothing of MQTT. With TLS only, and without WebSockets.
        /// Default: false.
        public var shareWithAPI = false

        /// Where clients find it, at that address and port: `wss://203.0.113.7:8084/mqtt`.
        public func url(at address: String) -> String {
            switch `protocol` {
            case .mqtt: "\(tls ? "mqtts" : "mqtt")://\(address)"
            case .websocket: "\(tls ? "wss" : "ws")://\(address)\(path)"
            }
        }

        public init(
            name: String,
            address: String = "127.0.0.1",
            port: Int,
            tls: Bool = true,
            `protocol`: `Protocol` = .mqtt,
            path: String = "/mqtt",
            origins: [String] = [],
            authentication: Authentication = .devices,
            proxyProtocol: Bool = false
        ) {
            self.name = name
            self.address = address
            self.port = port
            self.tls = tls
            self.protocol = `protocol`
            self.path = path
            self.origins = origins
            self.authentication = authentication
            self.proxyProtocol = proxyProtocol
        }
    }
}
