import WebSocket

/// What a connection has to know of the listener that it came in by.
struct ListenerTraits: Sendable {
    let name: String
    let isEncrypted: Bool
    let isAnonymous: Bool
    let verifiesClients: Bool

    /// Whom to let open a WebSocket; `nil` where MQTT is spoken without one.
    let webSocket: HandshakePolicy?

    // The listener's own, or those of the whole gateway.
    let keepAliveMaximumSeconds: Int
    let topicAliasMaximum: Int
    let receiveMaximum: Int
    let packetBytes: Int

    /// What may be used on a listener without authentication.
    let topics: TopicPatterns

    init(_ listener: GatewayConfiguration.Listener, of configuration: GatewayConfiguration) {
        let limits = configuration.limits
        name = listener.name
        isEncrypted = listener.tls
        isAnonymous = listener.authentication == .none
        verifiesClients = listener.tls && configuration.tls.clientCA != nil
        webSocket =
            listener.protocol == .websocket
            ? HandshakePolicy(path: listener.path, origins: listener.origins) : nil
        keepAliveMaximumSeconds = listener.keepAliveMaximumSeconds ?? limits.keepAliveMaximumSeconds
        topicAliasMaximum = listener.topicAliasMaximum ?? limits.topicAliasMaximum
        receiveMaximum = listener.receiveMaximum ?? limits.inflightMessages
        packetBytes = listener.packetSizeBytes ?? limits.packetSizeBytes
        topics = TopicPatterns(
            allowed: listener.allowedTopics, denied: listener.deniedTopics)
    }
}
