package import Bytes
package import Encoding
public import Time

/// What a command does with webhooks: where events go by HTTP as they happen.
public enum WebhookAction: Hashable, Sendable {
    case create(NewWebhook)
    case update(WebhookID, WebhookUpdate)

    /// Another secret from now on; the one before signs, too, for so long still, at most
    /// `Books.overlapMaximumHours`.
    case rotateSecret(WebhookID, secret: SealedSecret, overlapMilliseconds: UInt64)
    case delete(WebhookID)

    /// What became of events that were sent: no change of the books that anyone asked for, and no event. What is said
    /// of a webhook that is gone is passed over.
    case report([WebhookReport])
}

extension WebhookAction: ActionPart {
    enum Tag: UInt16, RecordTag {
        case create = 90
        case update = 91
        case rotateSecret = 92
        case delete = 93
        case report = 94
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .create(let webhook): buffer.append(Tag.create, webhook)
        case .update(let id, let update): buffer.append(Tag.update, id, update)
        case .rotateSecret(let id, let secret, let overlap):
            buffer.append(Tag.rotateSecret, id, secret, overlap)
        case .delete(let id): buffer.append(Tag.delete, id)
        case .report(let reports): buffer.append(Tag.report, reports)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .create: try reader.make(Self.create)
            case .update: try reader.make(Self.update)
            case .rotateSecret: try reader.make(Self.rotateSecret)
            case .delete: try reader.make(Self.delete)
            case .report: try reader.make(Self.report)
            }
    }

    /// A new webhook's id is the gateway's, and so are secrets.
    var asked: WebhookAction {
        switch self {
        case .create(var webhook):
            webhook.id = WebhookID(checked: "-")
            webhook.secret = .blank
            return .create(webhook)
        case .rotateSecret(let id, _, let overlap):
            return .rotateSecret(id, secret: .blank, overlapMilliseconds: overlap)
        case .update, .delete, .report: return self
        }
    }
}

/// A fact about a webhook. It holds no secret, and no URL, which may have one in its path.
public enum WebhookChange: Hashable, Sendable {
    case created(WebhookID, account: AccountID?)
    case updated(WebhookID, account: AccountID?, isOn: Bool)

    /// `until`: how long the one before signs, too.
    case secretRotated(WebhookID, account: AccountID?, until: Timestamp)
    case deleted(WebhookID, account: AccountID?)

    public var id: WebhookID {
        switch self {
        case .created(let id, _), .updated(let id, _, _), .secretRotated(let id, _, _),
            .deleted(let id, _):
            id
        }
    }

    /// Whose webhook it is; `nil`: of all accounts.
    public var account: AccountID? {
        switch self {
        case .created(_, let account), .updated(_, let account, _),
            .secretRotated(_, let account, _), .deleted(_, let account):
            account
        }
    }
}

extension WebhookChange: ChangePart {
    enum Tag: UInt16, RecordTag {
        case created = 90
        case updated = 91
        case secretRotated = 92
        case deleted = 93
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .created(let id, let account): buffer.append(Tag.created, id, account)
        case .updated(let id, let account, let isOn):
            buffer.append(Tag.updated, id, account, isOn)
        case .secretRotated(let id, let account, let until):
            buffer.append(Tag.secretRotated, id, account, until)
        case .deleted(let id, let account): buffer.append(Tag.deleted, id, account)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .created: try reader.make(Self.created)
            case .updated: try reader.make(Self.updated)
            case .secretRotated: try reader.make(Self.secretRotated)
            case .deleted: try reader.make(Self.deleted)
            }
    }

    var name: String {
        switch self {
        case .created: "webhook-created"
        case .updated: "webhook-updated"
        case .secretRotated: "webhook-secret-rotated"
        case .deleted: "webhook-deleted"
        }
    }
}

/// Why something can't be done with a webhook.
public enum WebhookRefusal: Hashable, Sendable {
    case unknown(WebhookID)

    /// An account, or the gateway as a whole, has at most so many.
    case tooMany(maximum: UInt32)
}

extension WebhookRefusal: RefusalPart {
    enum Tag: UInt16, RecordTag {
        case unknown = 90
        case tooMany = 91
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .unknown(let id): buffer.append(Tag.unknown, id)
        case .tooMany(let maximum): buffer.append(Tag.tooMany, maximum)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .unknown: try reader.make(Self.unknown)
            case .tooMany: try reader.make(Self.tooMany)
            }
    }

    public var description: String {
        switch self {
        case .unknown(let id): "there is no webhook \(id)"
        case .tooMany(let maximum): "there can't be more than \(maximum) webhooks"
        }
    }
}

/// A webhook to be created. It begins with the events behind its creation.
public struct NewWebhook: Hashable, Sendable {
    public internal(set) var id: WebhookID
    public let name: String

    /// Whose events it gets, those of its sub-accounts among them; `nil`: all events.
    public let account: AccountID?
    public let url: WebhookURL

    /// Empty: all that the account may see.
    public let kinds: [EventKind]
    public internal(set) var secret: SealedSecret

    /// Whether it begins to get events at once.
    public let isOn: Bool

    public init(
        id: WebhookID,
        name: String,
        account: AccountID?,
        url: WebhookURL,
        kinds: [EventKind],
        secret: SealedSecret,
        isOn: Bool = true
    ) {
        self.id = id
        self.name = name
        self.account = account
        self.url = url
        self.kinds = kinds
        self.secret = secret
        self.isOn = isOn
    }
}

extension NewWebhook: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(fields: id, name, account, url, kinds, secret, isOn)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.make(Self.init(id:name:account:url:kinds:secret:isOn:))
    }
}

/// What a command changes about a webhook; what is `nil` stays as it is.
public struct WebhookUpdate: Hashable, Sendable {
    public var name: String?
    public var url: WebhookURL?
    public var kinds: [EventKind]?
    public var isOn: Bool?

    /// Whether the events that wait are passed over: it goes on with those behind the change.
    public var skips: Bool

    public init(
        name: String? = nil,
        url: WebhookURL? = nil,
        kinds: [EventKind]? = nil,
        isOn: Bool? = nil,
        skips: Bool = false
    ) {
        self.name = name
        self.url = url
        self.kinds = kinds
        self.isOn = isOn
        self.skips = skips
    }
}

extension WebhookUpdate: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(fields: name, url, kinds, isOn, skips)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.make(Self.init(name:url:kinds:isOn:skips:))
    }
}

/// How far a webhook has got, and what was tried since the report before.
public struct WebhookReport: Hashable, Sendable {
    public let id: WebhookID

    /// Of the last event that is done with: delivered, given up, or none that it wants. What is before that of an
    /// earlier report changes nothing.
    public let sequence: UInt64

    /// How often the next event was tried, without success.
    public let failures: UInt32

    /// When that is tried again; `nil` when it was not tried.
    public let retryAt: Timestamp?
    public let attempts: [WebhookAttempt]

    public init(
        id: WebhookID,
        sequence: UInt64,
        failures: UInt32,
        retryAt: Timestamp?,
        attempts: [WebhookAttempt]
    ) {
        self.id = id
        self.sequence = sequence
        self.failures = failures
        self.retryAt = retryAt
        self.attempts = attempts
    }
}

extension WebhookReport: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(fields: id, sequence, failures, retryAt, attempts)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.make(Self.init(id:sequence:failures:retryAt:attempts:))
    }
}

/// One attempt to deliver an event, and what came back.
public struct WebhookAttempt: Hashable, Sendable {
    /// Why it was made.
    public enum Cause: UInt8, RecordField, Hashable, Sendable, CaseIterable {
        case event = 1

        /// A person wanted to see what comes back; there is no such event in the log.
        case test = 2

        /// A person had an event sent once more.
        case redelivery = 3

        /// Its name in the API.
        public var name: String {
            switch self {
            case .event: "event"
            case .test: "test"
            case .redelivery: "redelivery"
            }
        }
    }

    public let cause: Cause

    /// The event's; 0 of a test.
    public let sequence: UInt64
    public let at: Timestamp

    /// The first of an event is 1.
    public let number: UInt32

    /// HTTP's; 0 when no answer came.
    public let status: UInt32
    public let milliseconds: UInt32

    /// Why it failed, for people; `nil` when it was delivered. At most `errorMaximumLength` bytes.
    public let error: String?

    /// When it is tried again; `nil`: not at all.
    public let nextAt: Timestamp?

    /// In bytes of UTF-8.
    public static var errorMaximumLength: Int { 256 }

    /// - Parameter error: of a longer one the end is left out.
    public init(
        cause: Cause,
        sequence: UInt64,
        at: Timestamp,
        number: UInt32,
        status: UInt32,
        milliseconds: UInt32,
        error: String?,
        nextAt: Timestamp?
    ) {
        self.cause = cause
        self.sequence = sequence
        self.at = at
        self.number = number
        self.status = status
        self.milliseconds = milliseconds
        self.error = error?.prefix(bytes: Self.errorMaximumLength)
        self.nextAt = nextAt
    }
}

extension WebhookAttempt: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(fields: cause, sequence, at, number, status, milliseconds, error, nextAt)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.make(
            Self.init(cause:sequence:at:number:status:milliseconds:error:nextAt:))
    }
}
