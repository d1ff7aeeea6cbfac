/// A session's Will Message: kept from CONNECT on, so that it outlives the process, until it is
/// published or a DISCONNECT takes it back ([MQTT-3.1.2-8], [MQTT-3.1.2-10]).
public struct StoredWill: Equatable, Sendable {
    /// Its `expiresAt` is `nil`: the interval begins when it is published.
    public let message: Message
    public let isRetained: Bool

    /// The Message Expiry Interval that it is published with (3.1.3.2.4).
    public let messageExpirySeconds: UInt32?

    /// The Will Delay Interval (3.1.3.2.2): so long after the connection's end, or at the session's if
    /// that is earlier, it is published, unless the client is back before ([MQTT-3.1.3-9]).
    public let delaySeconds: UInt32

    public init(
        _ message: Message,
        isRetained: Bool = false,
        messageExpirySeconds: UInt32? = nil,
        delaySeconds: UInt32 = 0
    ) {
        self.message = message
        self.isRetained = isRetained
        self.messageExpirySeconds = messageExpirySeconds
        self.delaySeconds = delaySeconds
    }
}
