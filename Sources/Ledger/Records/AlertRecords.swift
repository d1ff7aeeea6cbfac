public import Bytes
public import Storage
public import Time

/// What the books know about alerts as a whole.
struct AlertsRecord: StorageRecord, Hashable, Sendable {
    /// What the gateway has said last.
    var settings = AlertSettings()

    /// The last event that was reviewed; `nil`: none ever was.
    var reviewed: UInt64?

    /// Whether products are being looked at, and the last one that was.
    var isSweeping = false
    var sweptProduct: ProductKey?

    /// When the last look at all products ended.
    var sweptAt: Timestamp?
    var lastAlert: UInt64 = 0
    var lastNotification: UInt64 = 0

    init() {}

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(
            Version.v1, settings, reviewed, isSweeping, sweptProduct, sweptAt, lastAlert,
            lastNotification)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "alerts as a whole") {
        case .v1:
            settings = try reader.take()
            reviewed = try reader.take()
            isSweeping = try reader.take()
            sweptProduct = try reader.take()
            sweptAt = try reader.take()
            lastAlert = try reader.take()
            lastNotification = try reader.take()
        }
    }
}

/// A rule that an account has set.
public struct AlertRuleRecord: StorageRecord, Hashable, Sendable {
    public let rule: AlertRule
    public let at: Timestamp
    public let actor: String

    init(rule: AlertRule, at: Timestamp, actor: String) {
        self.rule = rule
        self.at = at
        self.actor = actor
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1, rule, at, actor)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "alert rule") {
        case .v1: self = try reader.make(Self.init(rule:at:actor:))
        }
    }
}

/// The language that an account has chosen.
struct AlertLanguageRecord: StorageRecord, Hashable, Sendable {
    let language: AlertLanguage

    init(language: AlertLanguage) { self.language = language }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    func encode(into buffer: inout ByteBuffer) { buffer.append(Version.v1, language) }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "language of alerts") {
        case .v1: language = try reader.take()
        }
    }
}

/// An alert as the books keep it.
public struct AlertRecord: StorageRecord, Hashable, Sendable {
    public let place: AlertPlace
    public let firedAt: Timestamp

    /// How many there were, or were left, and how many would have been right; of a digest, as it was told of last.
    public internal(set) var value: UInt64
    public let threshold: UInt64

    /// When it was told of last, though it was not crossed anew; `nil`: never. Of digests.
    public internal(set) var repeatedAt: Timestamp?

    /// Of a digest: product by product, those with the most devices in front.
    public internal(set) var digest: [AlertDigestLine] = []

    /// Of a digest: what was told of before, as far as mail about that waits; at most `Books.tellingsMaximum`, in order.
    public internal(set) var earlier: [AlertTelling] = []

    /// `nil` while it is open.
    public internal(set) var resolvedAt: Timestamp?

    /// How many there were, or were left, when it was resolved.
    public internal(set) var resolvedValue: UInt64 = 0

    init(place: AlertPlace, firedAt: Timestamp, value: UInt64, threshold: UInt64) {
        self.place = place
        self.firedAt = firedAt
        self.value = value
        self.threshold = threshold
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1, v2, v3 }

    public func encode(into buffer: inout ByteBuffer) {
        // So what an earlier program knows is as it was.
        buffer.append(
            earlier.isEmpty ? Version.v2 : .v3, place, firedAt, value, threshold, resolvedAt,
            resolvedValue, repeatedAt, digest)
        if !earlier.isEmpty { buffer.append(fields: earlier) }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        let version = try reader.take(Version.self, of: "alert")
        place = try reader.take()
        firedAt = try reader.take()
        value = try reader.take()
        threshold = try reader.take()
        resolvedAt = try reader.take()
        resolvedValue = try reader.take()
        switch version {
        case .v1: break
        case .v2, .v3:
            repeatedAt = try reader.take()
            digest = try reader.take()
            if version == .v3 { earlier = try reader.take() }
        }
    }
}

/// What was gathered for a digest: of a product, devices; of what digests are told for (a product, or an account), when.
struct AlertDigestRecord: StorageRecord, Hashable, Sendable {
    /// Since the last digest, each once, in order; at most `Books.digestDevicesMaximum`.
    var devices: [DeviceKey] = []

    /// Of an account: products that devices were gathered of since the last digest.
    var products: UInt32 = 0

    /// When devices were last seen; `nil`: not since it was resolved.
    var seenAt: Timestamp?

    /// When a digest was last told of.
    var toldAt: Timestamp?

    init() {}

    fileprivate enum Version: UInt8, RecordVersion { case v1 = 1 }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1, devices, products, seenAt, toldAt)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "digest of an alert") {
        case .v1:
            devices = try reader.take()
            products = try reader.take()
            seenAt = try reader.take()
            toldAt = try reader.take()
        }
    }
}

/// The front of a product's `AlertDigestRecord`: what a digest's line says, whatever else is gathered.
struct AlertDigestFront {
    /// How many there are.
    let devices: UInt32

    /// The first ones, at most `Books.digestNamesMaximum`.
    let first: [DeviceKey]

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(AlertDigestRecord.Version.self, of: "digest of an alert") {
        case .v1: break
        }
        let count = try reader.takeVarint()
        guard count <= UInt64(reader.remaining) else { throw .malformed(what: "list") }
        devices = UInt32(clamping: count)
        var names: [DeviceKey] = []
        for _ in 0..<min(Int(count), Books.digestNamesMaximum) { names.append(try reader.take()) }
        first = names
    }
}

/// Which alert is open at a place.
struct OpenAlertRecord: StorageRecord, Hashable, Sendable {
    let number: UInt64

    init(number: UInt64) { self.number = number }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    func encode(into buffer: inout ByteBuffer) { buffer.append(Version.v1, number) }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "open alert") {
        case .v1: number = try reader.take()
        }
    }
}

/// A message about an alert to one address.
public struct NotificationRecord: StorageRecord, Hashable, Sendable {
    public let alert: UInt64

    /// `nil`: the operator's.
    public let account: AccountID?

    /// Whether it says that the alert is resolved.
    public let isResolution: Bool
    public let recipient: EmailAddress
    public let language: AlertLanguage
    public let createdAt: Timestamp
    public internal(set) var state = NotificationState.waiting

    /// How often it was begun, and how often that failed since it was first, or again, to be sent.
    public internal(set) var attempts: UInt32 = 0
    public internal(set) var failures: UInt32 = 0

    /// Attempts that ended with their gateway: whether the mail server took the message then is not known.
    public internal(set) var unknownOutcomes: UInt32 = 0

    /// When it is sent next; of one under way, when another gateway may take over. Means nothing of others.
    public internal(set) var nextAt: Timestamp
    var run: GatewayRun?

    /// The mail server's last reply code and words; 0 and why nothing came.
    public internal(set) var status: UInt32 = 0
    public internal(set) var answer = ""

    /// When it was sent, or given up.
    public internal(set) var endedAt: Timestamp?

    init(
        alert: UInt64, account: AccountID?, isResolution: Bool, recipient: EmailAddress,
        language: AlertLanguage, createdAt: Timestamp
    ) {
        self.alert = alert
        self.account = account
        self.isResolution = isResolution
        self.recipient = recipient
        self.language = language
        self.createdAt = createdAt
        nextAt = createdAt
    }

    /// Whether it will be sent.
    public var isDue: Bool {
        switch state {
        case .waiting, .underWay: true
        case .sent, .givenUp: false
        }
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(
            Version.v1, alert, AlertOwner(account), isResolution, recipient, language, createdAt,
            state,
            attempts, failures, unknownOutcomes, nextAt, run?.node, run?.number ?? 0, status,
            answer, endedAt)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "message about an alert") {
        case .v1:
            alert = try reader.take()
            account = try reader.take(AlertOwner.self).account
            isResolution = try reader.take()
            recipient = try reader.take()
            language = try reader.take()
            createdAt = try reader.take()
            state = try reader.take()
            attempts = try reader.take()
            failures = try reader.take()
            unknownOutcomes = try reader.take()
            nextAt = try reader.take()
            let node: NodeName? = try reader.take()
            let number: UInt64 = try reader.take()
            run = node.map { GatewayRun(node: $0, number: number) }
            status = try reader.take()
            answer = try reader.take()
            endedAt = try reader.take()
        }
    }
}

/// When a node's last backup was whole; of one that never made any, when it was first asked.
struct NodeBackupRecord: StorageRecord, Hashable, Sendable {
    let at: Timestamp

    init(at: Timestamp) { self.at = at }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    func encode(into buffer: inout ByteBuffer) { buffer.append(Version.v1, at) }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "last backup of a node") {
        case .v1: at = try reader.take()
        }
    }
}
