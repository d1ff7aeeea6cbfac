import Gateway
import MQTT
import Reactor
import Support

extension TestGateway {
    /// Lends a gateway that has listeners for WebSockets besides the others: `ws` and `wss`, and
    /// `ws-open` without authentication.
    static func runWithWebSockets(
        shards: Int = 2,
        time: TimeSource = .system,
        configure: (inout GatewayConfiguration) -> Void = { _ in },
        _ body: (TestGateway) async throws -> Void
    ) async throws {
        try await run(
            shards: shards,
            time: time,
            configure: { configuration in
                configuration.listeners += [
                    GatewayConfiguration.Listener(
                        name: "ws", port: 0, tls: false, protocol: .websocket),
                    GatewayConfiguration.Listener(name: "wss", port: 0, protocol: .websocket),
                    GatewayConfiguration.Listener(
                        name: "ws-open", port: 0, tls: false, protocol: .websocket,
                        authentication: .none),
                ]
                configure(&configuration)
            },
            body
        )
    }

    /// An open WebSocket, not connected yet.
    func webSocket(
        overTLS: Bool = false,
        isOpen: Bool = false,
        version: ProtocolVersion = .v5
    ) throws -> TestClient {
        try .webSocket(
            port: port(of: overTLS ? "wss" : isOpen ? "ws-open" : "ws"),
            certificates: overTLS ? certificates : nil,
            version: version
        )
    }

    /// A client without credentials that is connected in a WebSocket.
    func webSocketClient(
        _ clientID: String,
        version: ProtocolVersion = .v5,
        keepAliveSeconds: UInt16 = 60,
        will: TestWill? = nil
    ) throws -> TestClient {
        let client = try webSocket(isOpen: true, version: version)
        let answer = try client.connect(
            as: .anonymous(clientID), keepAliveSeconds: keepAliveSeconds, will: will)
        guard answer.code == 0 else { throw TestRefusal(connack: answer) }
        return client
    }
}
