public import Bytes
public import Storage
public import Time

/// A webhook as the books keep it.
public struct WebhookRecord: StorageRecord, Hashable, Sendable {
    public internal(set) var name: String

    /// Whose events it gets, those of its sub-accounts among them; `nil`: all events.
    public let account: AccountID?
    public internal(set) var url: WebhookURL

    /// Empty: all that the account may see.
    public internal(set) var kinds: [EventKind]
    public internal(set) var secret: SealedSecret
    var formerSecret: SealedSecret?
    public internal(set) var formerUntil: Timestamp?
    public internal(set) var isOn: Bool
    public let createdAt: Timestamp

    /// A webhook as the command makes it.
    init(_ webhook: NewWebhook, createdAt: Timestamp) {
        name = webhook.name
        account = webhook.account
        url = webhook.url
        kinds = webhook.kinds
        secret = webhook.secret
        isOn = webhook.isOn
        self.createdAt = createdAt
    }

    /// The secret before the present one, while it signs still.
    public func formerSecret(at time: Timestamp) -> SealedSecret? {
        guard let formerUntil, time < formerUntil else { return nil }
        return formerSecret
    }

    /// Whether it wants events of that kind.
    public func wants(_ kind: String) -> Bool {
        kinds.isEmpty || kinds.contains { $0.text == kind }
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(
            Version.v1, name, account, url, kinds, secret, formerSecret, formerUntil, isOn,
            createdAt)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "webhook") {
        case .v1:
            name = try reader.take()
            account = try reader.take()
            url = try reader.take()
            kinds = try reader.take()
            secret = try reader.take()
            formerSecret = try reader.take()
            formerUntil = try reader.take()
            isOn = try reader.take()
            createdAt = try reader.take()
        }
    }
}

/// How far a webhook has got.
public struct WebhookProgressRecord: StorageRecord, Hashable, Sendable {
    /// Of the last event that is done with.
    public internal(set) var sequence: UInt64

    /// How often the next event was tried, without success.
    public internal(set) var failures: UInt32 = 0

    /// When that is tried again; `nil` when it was not tried.
    public internal(set) var retryAt: Timestamp?

    /// How many attempts there were; the number of the last one.
    public internal(set) var attempts: UInt64 = 0

    init(sequence: UInt64) { self.sequence = sequence }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1, sequence, failures, retryAt, attempts)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "webhook's progress") {
        case .v1:
            sequence = try reader.take()
            failures = try reader.take()
            retryAt = try reader.take()
            attempts = try reader.take()
        }
    }
}

/// An attempt to deliver an event.
struct WebhookAttemptRecord: StorageRecord, Hashable, Sendable {
    let attempt: WebhookAttempt

    init(attempt: WebhookAttempt) { self.attempt = attempt }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    func encode(into buffer: inout ByteBuffer) { buffer.append(Version.v1, attempt) }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "attempt of a webhook") {
        case .v1: attempt = try reader.take()
        }
    }
}
