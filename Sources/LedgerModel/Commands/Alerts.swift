package import Bytes
package import Encoding
public import Time

/// What a command does with alerts (rules E1 and E2).
public enum AlertAction: Hashable, Sendable {
    /// What the configuration says.
    case adopt(AlertSettings)
    case setRule(AccountID, AlertKind, AlertRule)

    /// The account is back at its parent's rule, or at what the configuration says.
    case resetRule(AccountID, AlertKind)
    case setLanguage(AccountID, AlertLanguage)

    /// Looks at what events behind the last review have changed, at most `limit` events.
    case review(limit: UInt32)

    /// Looks at so many more products, whatever the log says: time alone crosses thresholds, too.
    case sweep(limit: UInt32)

    /// Those of the messages that are due are under way from here on, sent by that run of a gateway.
    case begin([UInt64], run: GatewayRun)

    /// What came of messages that the run has begun.
    case report([NotificationReport], run: GatewayRun)

    /// A message that was given up is to be sent after all.
    case retry(UInt64)

    /// Devices that a node has seen since it last said so, for the digests of that kind: refused as no code was left,
    /// or over their daily allowance.
    case gather(AlertKind, [DeviceIdentity])

    /// What a node has found about itself.
    case find(NodeFinding)

    /// When a node's last backup was whole; of one that never made any, when it was first asked.
    case noteBackup(NodeName, at: Timestamp)

    /// One contact of an account is written to in that language, whatever the account's is.
    case setContactLanguage(AccountID, EmailAddress, AlertLanguage)
}

extension AlertAction: ActionPart {
    enum Tag: UInt16, RecordTag {
        case adopt = 150
        case setRule = 151
        case resetRule = 152
        case setLanguage = 153
        case review = 154
        case sweep = 155
        case begin = 156
        case report = 157
        case retry = 158
        case gather = 160
        case find = 161
        case noteBackup = 162
        case setContactLanguage = 163
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .adopt(let settings): buffer.append(Tag.adopt, settings)
        case .setRule(let account, let kind, let rule):
            buffer.append(Tag.setRule, account, kind, rule)
        case .resetRule(let account, let kind): buffer.append(Tag.resetRule, account, kind)
        case .setLanguage(let account, let language):
            buffer.append(Tag.setLanguage, account, language)
        case .review(let limit): buffer.append(Tag.review, limit)
        case .sweep(let limit): buffer.append(Tag.sweep, limit)
        case .begin(let ids, let run): buffer.append(Tag.begin, ids, run.node, run.number)
        case .report(let reports, let run):
            buffer.append(Tag.report, reports, run.node, run.number)
        case .retry(let id): buffer.append(Tag.retry, id)
        case .gather(let kind, let devices): buffer.append(Tag.gather, kind, devices)
        case .find(let finding): buffer.append(Tag.find, finding)
        case .noteBackup(let node, let time): buffer.append(Tag.noteBackup, node, time)
        case .setContactLanguage(let account, let email, let language):
            buffer.append(Tag.setContactLanguage, account, email, language)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .adopt: try reader.make(Self.adopt)
            case .setRule: try reader.make(Self.setRule)
            case .resetRule: try reader.make(Self.resetRule)
            case .setLanguage: try reader.make(Self.setLanguage)
            case .review: try reader.make(Self.review)
            case .sweep: try reader.make(Self.sweep)
            case .begin:
                try reader.make { .begin($0, run: GatewayRun(node: $1, number: $2)) }
            case .report:
                try reader.make { .report($0, run: GatewayRun(node: $1, number: $2)) }
            case .retry: try reader.make(Self.retry)
            case .gather: try reader.make(Self.gather)
            case .find: try reader.make(Self.find)
            case .noteBackup: try reader.make { .noteBackup($0, at: $1) }
            case .setContactLanguage: try reader.make(Self.setContactLanguage)
            }
    }

    var asked: AlertAction { self }
}

/// A fact about alerts.
public enum AlertChange: Hashable, Sendable {
    case settingsAdopted(AlertSettings)
    case ruleSet(AccountID, AlertKind, AlertRule)
    case ruleReset(AccountID, AlertKind)
    case languageSet(AccountID, AlertLanguage)

    /// The threshold was crossed: so many there are, or are left, and so many would have been right.
    case fired(UInt64, AlertPlace, value: UInt64, threshold: UInt64)

    /// It is crossed no more.
    case resolved(UInt64, AlertPlace, value: UInt64)

    /// A message that was given up is to be sent after all.
    case notificationRetried(UInt64, account: AccountID?)

    /// What is open goes on, a day after it was fired or repeated: so many there were since then.
    case repeated(UInt64, AlertPlace, value: UInt64)

    /// A contact of an account, and of its sub-accounts, is written to in that language.
    case contactLanguageSet(AccountID, EmailAddress, AlertLanguage)
}

extension AlertChange: ChangePart {
    enum Tag: UInt16, RecordTag {
        case settingsAdopted = 150
        case ruleSet = 151
        case ruleReset = 152
        case languageSet = 153
        case fired = 154
        case resolved = 155
        case notificationRetried = 156
        case repeated = 160
        case contactLanguageSet = 161
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .settingsAdopted(let settings): buffer.append(Tag.settingsAdopted, settings)
        case .ruleSet(let account, let kind, let rule):
            buffer.append(Tag.ruleSet, account, kind, rule)
        case .ruleReset(let account, let kind): buffer.append(Tag.ruleReset, account, kind)
        case .languageSet(let account, let language):
            buffer.append(Tag.languageSet, account, language)
        case .fired(let number, let place, let value, let threshold):
            buffer.append(Tag.fired, number, place, value, threshold)
        case .resolved(let number, let place, let value):
            buffer.append(Tag.resolved, number, place, value)
        case .notificationRetried(let id, let account):
            buffer.append(Tag.notificationRetried, id, AlertOwner(account))
        case .repeated(let number, let place, let value):
            buffer.append(Tag.repeated, number, place, value)
        case .contactLanguageSet(let account, let email, let language):
            buffer.append(Tag.contactLanguageSet, account, email, language)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .settingsAdopted: try reader.make(Self.settingsAdopted)
            case .ruleSet: try reader.make(Self.ruleSet)
            case .ruleReset: try reader.make(Self.ruleReset)
            case .languageSet: try reader.make(Self.languageSet)
            case .fired: try reader.make(Self.fired)
            case .resolved: try reader.make(Self.resolved)
            case .notificationRetried:
                try reader.make { (id, owner: AlertOwner) in
                    .notificationRetried(id, account: owner.account)
                }
            case .repeated: try reader.make(Self.repeated)
            case .contactLanguageSet: try reader.make(Self.contactLanguageSet)
            }
    }

    var name: String {
        switch self {
        case .settingsAdopted: "alert-settings-adopted"
        case .ruleSet: "alert-rule-set"
        case .ruleReset: "alert-rule-reset"
        case .languageSet: "alert-language-set"
        case .fired: "alert-fired"
        case .resolved: "alert-resolved"
        case .notificationRetried: "notification-retried"
        case .repeated: "alert-repeated"
        case .contactLanguageSet: "contact-language-set"
        }
    }
}

/// Why something can't be done with alerts.
public enum AlertRefusal: Hashable, Sendable {
    /// There is no message about an alert of that number, or it is forgotten.
    case unknownNotification(UInt64)

    /// It was sent, or still will be.
    case notGivenUp(UInt64)
}

extension AlertRefusal: RefusalPart {
    enum Tag: UInt16, RecordTag {
        case unknownNotification = 150
        case notGivenUp = 151
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .unknownNotification(let id): buffer.append(Tag.unknownNotification, id)
        case .notGivenUp(let id): buffer.append(Tag.notGivenUp, id)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .unknownNotification: try reader.make(Self.unknownNotification)
            case .notGivenUp: try reader.make(Self.notGivenUp)
            }
    }

    public var description: String {
        switch self {
        case .unknownNotification(let id): "there is no message \(id) about an alert"
        case .notGivenUp(let id): "message \(id) was sent, or still will be"
        }
    }
}
