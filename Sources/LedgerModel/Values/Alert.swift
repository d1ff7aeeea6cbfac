public import Bytes
public import Encoding
public import Time

/// What an alert is about (rule E2).
public enum AlertKind: UInt8, RecordField, Hashable, Sendable, CaseIterable {
    /// A product's remaining codes are below the threshold.
    case codesLow = 1

    /// Entitlements of a product's devices end soon (rule B11).
    case nearExpiry = 2

    /// What is left in an account's top-up packs of one kind is below the threshold.
    case packsLow = 3

    /// Devices of a product were refused, as it has no code left: a digest.
    case refusedForCode = 4

    /// Devices of an account want more than their daily allowance (rule C3): a digest.
    case atDailyLimit = 5

    /// A certificate of a node ends soon.
    case certificateEnding = 6

    /// A node's last whole backup is old.
    case backupOld = 7

    /// The certificate of an account's authority ends soon.
    case authorityEnding = 8

    /// An authority's next list of revoked certificates is due, or should have come.
    case revocationListDue = 9

    /// Its name in the API.
    public var name: String {
        switch self {
        case .codesLow: "codes-low"
        case .nearExpiry: "near-expiry"
        case .packsLow: "packs-low"
        case .refusedForCode: "refused-for-code"
        case .atDailyLimit: "at-daily-limit"
        case .certificateEnding: "certificate-ending"
        case .backupOld: "backup-old"
        case .authorityEnding: "authority-ending"
        case .revocationListDue: "revocation-list-due"
        }
    }

    /// Whether it is about a node of the gateway, and the operator's: no account has a rule of it.
    public var isOfNode: Bool {
        switch self {
        case .codesLow, .nearExpiry, .packsLow, .refusedForCode, .atDailyLimit, .authorityEnding,
            .revocationListDue:
            false
        case .certificateEnding, .backupOld: true
        }
    }

    /// Whether devices are gathered and told of at most once a day, not when a number is crossed.
    public var isDigest: Bool {
        switch self {
        case .codesLow, .nearExpiry, .packsLow, .certificateEnding, .backupOld, .authorityEnding,
            .revocationListDue:
            false
        case .refusedForCode, .atDailyLimit: true
        }
    }

    /// Whether it is about an account's authority.
    public var isOfAuthority: Bool {
        switch self {
        case .codesLow, .nearExpiry, .packsLow, .certificateEnding, .backupOld, .refusedForCode,
            .atDailyLimit:
            false
        case .authorityEnding, .revocationListDue: true
        }
    }
}

/// One byte.
extension AlertKind: StorageKey {
    public func encode(into writer: inout KeyWriter) { writer.append(rawValue) }

    public init?(decoding reader: inout ByteReader) {
        guard let byte = reader.readUInt8() else { return nil }
        self.init(rawValue: byte)
    }
}

/// When an alert of a kind is fired for an account (rule E2).
public struct AlertRule: Hashable, Sendable {
    /// Without it nothing is fired, and what is open is resolved.
    public var isOn: Bool

    /// Of `codes-low` and `packs-low` the fewest codes, or units, that are enough; of the others the fewest
    /// devices that are worth an alert. Means nothing to what is about authorities. At most `numberMaximum`.
    public var number: UInt64

    /// The same as a share of the codes that the product ever got, or of the packs that have units left, 0 to 100:
    /// the larger threshold holds. Means nothing to what counts devices.
    public var percent: UInt32

    /// How long before its end an entitlement, or an authority's certificate, is near it, and a list of revoked
    /// certificates is due, 1 to `daysMaximum`. Means nothing to the others.
    public var days: UInt32

    public static var numberMaximum: UInt64 { 1_000_000_000 }
    public static var daysMaximum: UInt32 { 3_650 }

    public init(isOn: Bool = true, number: UInt64, percent: UInt32 = 0, days: UInt32 = 30) {
        self.isOn = isOn
        self.number = number
        self.percent = percent
        self.days = days
    }

    /// The fewest that are enough of `whole`; of a whole of 0, or smaller than `number`, no more than it has.
    package func threshold(of whole: UInt64) -> UInt64 {
        let share = whole.multipliedFullWidth(by: UInt64(percent))
        let (quotient, rest) = UInt64(100).dividingFullWidth(share)
        return max(min(number, whole), quotient + (rest > 0 ? 1 : 0))
    }

    package var isInRange: Bool {
        number <= Self.numberMaximum && percent <= 100 && (1...Self.daysMaximum).contains(days)
    }
}

extension AlertRule: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(fields: isOn, number, percent, days)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.make(Self.init(isOn:number:percent:days:))
    }
}

/// What holds for accounts that have set nothing: configuration, which the books keep, so that they decide from the
/// commands alone.
public struct AlertSettings: Hashable, Sendable {
    /// Whether alerts are sent by mail: the gateway has a mail server.
    public var mails = false

    public var codesNumber: UInt64 = 3
    public var codesPercent: UInt32 = 10
    public var packsPercent: UInt32 = 10
    public var nearExpiryDays: UInt32 = 30

    public init() {}

    public func rule(_ kind: AlertKind) -> AlertRule {
        switch kind {
        case .codesLow: AlertRule(number: codesNumber, percent: codesPercent)
        case .nearExpiry: AlertRule(number: 1, days: nearExpiryDays)
        case .packsLow: AlertRule(number: 1, percent: packsPercent)
        case .refusedForCode, .atDailyLimit: AlertRule(number: 1)
        case .authorityEnding: AlertRule(number: 1, days: 30)
        case .revocationListDue: AlertRule(number: 1, days: 7)
        // The node looks, by its own configuration.
        case .certificateEnding, .backupOld: AlertRule(isOn: false, number: 0)
        }
    }
}

extension AlertSettings {
    /// Whether each rule is one that an account could set.
    package var isInRange: Bool { AlertKind.allCases.allSatisfy { rule($0).isInRange } }
}

extension AlertSettings: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(fields: mails, codesNumber, codesPercent, packsPercent, nearExpiryDays)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        mails = try reader.take()
        codesNumber = try reader.take()
        codesPercent = try reader.take()
        packsPercent = try reader.take()
        nearExpiryDays = try reader.take()
    }
}

/// Whose alert of what: there is one at a time.
public struct AlertPlace: Hashable, Sendable {
    /// `nil`: the operator's.
    public let account: AccountID?
    public let kind: AlertKind
    public let subject: AlertSubject

    public init(account: AccountID?, kind: AlertKind, subject: AlertSubject) {
        self.account = account
        self.kind = kind
        self.subject = subject
    }
}

extension AlertPlace: StorageKey {
    public func encode(into writer: inout KeyWriter) {
        AlertOwner(account).encode(into: &writer)
        kind.encode(into: &writer)
        subject.encode(into: &writer)
    }

    public init?(decoding reader: inout ByteReader) {
        guard let owner = AlertOwner(decoding: &reader), let kind = AlertKind(decoding: &reader),
            let subject = AlertSubject(decoding: &reader)
        else { return nil }
        self.init(account: owner.account, kind: kind, subject: subject)
    }
}

extension AlertPlace: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(fields: AlertOwner(account), kind, subject)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        account = try reader.take(AlertOwner.self).account
        kind = try reader.take()
        subject = try reader.take()
    }
}

/// Whose an alert is: an account's name, or an empty text for the operator.
package struct AlertOwner: Hashable, Sendable {
    package let account: AccountID?

    package init(_ account: AccountID?) { self.account = account }

    private init?(text: String) {
        if text.isEmpty {
            account = nil
        } else if let name = AccountID(text) {
            account = name
        } else {
            return nil
        }
    }
}

extension AlertOwner: StorageKey {
    package func encode(into writer: inout KeyWriter) { writer.append(text: account?.text ?? "") }

    package init?(decoding reader: inout ByteReader) {
        guard let text = reader.readKeyText() else { return nil }
        self.init(text: text)
    }
}

extension AlertOwner: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(text: account?.text ?? "")
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        guard let owner = Self(text: try reader.takeText()) else {
            throw .malformed(what: "the owner of an alert")
        }
        self = owner
    }
}

/// What a node has found about itself.
public struct NodeFinding: Hashable, Sendable {
    public let node: NodeName
    public let kind: AlertKind

    /// Whether it is to be told of; else it is resolved.
    public let isCrossed: Bool

    /// Days: that a certificate has left, or that the last backup is old, and how many would have been right.
    public let value: UInt64
    public let threshold: UInt64

    /// The operator, and the language that it is told in.
    public let recipient: EmailAddress?
    public let language: AlertLanguage

    public init(
        node: NodeName, kind: AlertKind, isCrossed: Bool, value: UInt64, threshold: UInt64,
        recipient: EmailAddress?, language: AlertLanguage
    ) {
        self.node = node
        self.kind = kind
        self.isCrossed = isCrossed
        self.value = value
        self.threshold = threshold
        self.recipient = recipient
        self.language = language
    }
}

extension NodeFinding: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(fields: node, kind, isCrossed, value, threshold, recipient, language)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        node = try reader.take()
        kind = try reader.take()
        isCrossed = try reader.take()
        value = try reader.take()
        threshold = try reader.take()
        recipient = try reader.take()
        language = try reader.take()
    }
}

/// What a digest says of one product.
public struct AlertDigestLine: Hashable, Sendable {
    public let product: ProductKey

    /// Devices since the last digest, counted up to 1,000.
    public let devices: UInt32

    /// Some of them, in order.
    public let first: [DeviceKey]

    public init(product: ProductKey, devices: UInt32, first: [DeviceKey]) {
        self.product = product
        self.devices = devices
        self.first = first
    }
}

extension AlertDigestLine: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(fields: product, devices, first)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.make(Self.init(product:devices:first:))
    }
}

/// The language that an account's alerts are written in.
public enum AlertLanguage: UInt8, RecordField, Hashable, Sendable, CaseIterable {
    case english = 1
    case chinese = 2

    /// Its name in the API (BCP 47).
    public var name: String {
        switch self {
        case .english: "en"
        case .chinese: "zh"
        }
    }
}

/// How a message about an alert is doing.
public enum NotificationState: UInt8, RecordField, Hashable, Sendable, CaseIterable {
    /// It was not sent yet, or is to be sent again.
    case waiting = 1

    /// A gateway is sending it. One that ends now leaves it so: whether it was sent is not known then.
    case underWay = 2

    /// The mail server has taken it.
    case sent = 3

    /// The mail server has refused it for good, or too often.
    case givenUp = 4

    /// Its name in the API.
    public var name: String {
        switch self {
        case .waiting: "waiting"
        case .underWay: "under-way"
        case .sent: "sent"
        case .givenUp: "given-up"
        }
    }
}

/// What came of an attempt to send a message about an alert.
public struct NotificationReport: Hashable, Sendable {
    public let id: UInt64

    /// The reply code of the mail server (RFC 5321, section 4.2); 0 when none came.
    public let status: UInt32

    /// What the mail server has said last, or why nothing came, for people. At most `answerMaximumLength` bytes.
    public let answer: String

    /// `sent`, `givenUp`, or, to be tried again, `waiting`.
    public let state: NotificationState

    /// When it is tried again.
    public let nextAt: Timestamp

    /// In bytes of UTF-8.
    public static var answerMaximumLength: Int { 256 }

    /// - Parameter answer: of a longer one the end is left out.
    public init(
        id: UInt64, status: UInt32, answer: String, state: NotificationState, nextAt: Timestamp
    ) {
        self.id = id
        self.status = status
        self.answer = answer.prefix(bytes: Self.answerMaximumLength)
        self.state = state
        self.nextAt = nextAt
    }
}

extension NotificationReport: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(fields: id, status, answer, state, nextAt)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.make(Self.init(id:status:answer:state:nextAt:))
    }
}
