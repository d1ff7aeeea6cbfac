public import Ledger
public import Time

/// The connection of a device, as people see it.
public struct DeviceConnection: Equatable, Sendable {
    /// What the handshake agreed on.
    public struct Encryption: Equatable, Sendable {
        /// `TLSv1.3`.
        public let version: String

        /// `TLS_AES_128_GCM_SHA256`.
        public let cipher: String

        /// Whether a session ticket saved the certificate's part of the handshake.
        public let isResumed: Bool

        public init(version: String, cipher: String, isResumed: Bool) {
            self.version = version
            self.cipher = cipher
            self.isResumed = isResumed
        }
    }

    /// The client's address and port: `203.0.113.9:51324`, `[2001:db8::9]:51324`.
    public let address: String

    /// The name of the listener it came in by.
    public let listener: String

    /// When its CONNECT was accepted.
    public let connectedAt: Timestamp

    /// `3.1.1` or `5.0`.
    public let protocolVersion: String

    /// `{PK}.{DK}`, whatever client identifier the device connected with.
    public let clientID: String

    /// 0 when there is none.
    public let keepAliveSeconds: Int

    /// `nil` on a plain listener.
    public let encryption: Encryption?

    /// The device that has attached it, and speaks for it; `nil` of a client that is connected itself.
    public let parent: DeviceIdentity?

    /// How many devices it has attached, or is attaching.
    public let children: Int

    /// When the certificate ends that the client has shown and that was verified; `nil` without one. Kept with the
    /// connection alone.
    public let certificateExpiresAt: Timestamp?

    public init(
        address: String,
        listener: String,
        connectedAt: Timestamp,
        protocolVersion: String,
        clientID: String,
        keepAliveSeconds: Int,
        encryption: Encryption?,
        parent: DeviceIdentity? = nil,
        children: Int = 0,
        certificateExpiresAt: Timestamp? = nil
    ) {
        self.address = address
        self.listener = listener
        self.connectedAt = connectedAt
        self.protocolVersion = protocolVersion
        self.clientID = clientID
        self.keepAliveSeconds = keepAliveSeconds
        self.encryption = encryption
        self.parent = parent
        self.children = children
        self.certificateExpiresAt = certificateExpiresAt
    }
}

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

/// What a device has used: units of messages (rule C1).
public struct DeviceUsage: Equatable, Sendable {
    /// One day's count.
    public struct DayCount: Equatable, Sendable {
        public let day: Day

        /// Units taken from the package's allowance.
        public let used: UInt64

        /// Units taken from the account's top-up packs (rule C6).
        public let topUp: UInt64

        public init(day: Day, used: UInt64, topUp: UInt64) {
            self.day = day
            self.used = used
            self.topUp = topUp
        }
    }

    /// The current day at the product's offset (rule C5), with what is counted and not flushed yet.
    public let today: DayCount

    /// The days before, the latest first: at most 30, days without a message left out.
    public let history: [DayCount]

    public init(today: DayCount, history: [DayCount]) {
        self.today = today
        self.history = history
    }
}
