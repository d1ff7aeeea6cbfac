public import Time

/// Whether a device is connected.
public struct DevicePresence: Equatable, Sendable {
    public let isOnline: Bool

    /// When its last packet came; `nil` when the gateway has never seen it.
    public let lastSeenAt: Timestamp?

    public init(isOnline: Bool, lastSeenAt: Timestamp?) {
        self.isOnline = isOnline
        self.lastSeenAt = lastSeenAt
    }
}
