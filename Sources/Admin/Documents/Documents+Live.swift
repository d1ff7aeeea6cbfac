import Gateway
import Ledger
import Metering
import Time

/// The documents of what only the running gateway knows, and of its decisions.
extension Documents {
    static let readiness = Shape<Readiness>("Readiness") {
        Member("ready", \.isReady)
        Member("reasons", each: { $0.checks.filter { $0.problem != nil } }) {
            Member("name", \.name)
            Member("problem", \.problem, as: .anyText)
        }
        Member("warnings", each: { $0.checks.filter { $0.warning != nil } }) {
            Member("name", \.name)
            Member("warning", \.warning, as: .anyText)
        }
        Member("checks") { $0.checks.map(\.name) }
    }

    /// Rule B16.
    static let clock = Shape<(now: Timestamp, known: BooksTime, aheadMilliseconds: UInt64?)>(
        "Clock"
    ) {
        Member("now", \.now)
        Member("believed", { $0.known.doubt == nil }, "While it is not, no code is consumed.")
        Member(
            "doubt", \.known.doubt?.name, as: .nullable(.choice(["behind", "ahead"])),
            "Where it is, when it is doubted.")
        Member("known", \.known.doubt?.known, "Then: the last time that the books are sure of.")
        Member(
            "aheadHours", { $0.aheadMilliseconds.map { $0 / 3_600_000 } },
            "How far ahead it may be of the last sign of life; null: it is not looked at.")
    }

    /// Rule A10: sentences that name what is wrong, at most 100. A running gateway has migrated its stores.
    static let check = Shape<[String]>("Check") {
        Member("balanced", \.isEmpty)
        Member("problems", \.self)
        Member("formats") {
            Member("ledger", { _ in Stores.Formats.current.ledger }, as: .integer(1...(1 << 31)))
            Member("usage", { _ in Stores.Formats.current.usage }, as: .integer(1...(1 << 31)))
        }
    }

    static let connection = Shape<DeviceConnection>("Connection") {
        Member("address", \.address)
        Member("listener", \.listener)
        Member("connectedAt", \.connectedAt)
        Member("protocolVersion", \.protocolVersion)
        Member("clientId", \.clientID)
        Member("keepAliveSeconds", \.keepAliveSeconds)
        Member("tls", encryption, orNull: \.encryption)
        Member("parent", parent, orNull: \.parent)
        Member(
            "children", \.children,
            "How many devices it has attached, or is attaching, and speaks for.")
        Member(
            "certificateExpiresAt", \.certificateExpiresAt,
            "When the certificate ends that it has shown; null without one.")
    }

    /// The device that has attached another one.
    private static let parent = Shape<DeviceIdentity> {
        Member("pk", \.product)
        Member("dk", \.device)
    }

    static let clientConnection = Shape<(client: ClientConnection, node: NodeName?)>(
        "ClientConnection"
    ) {
        Member("pk", \.client.device?.product, "Null of an application.")
        Member("dk", \.client.device?.device, "Null of an application.")
        Member("key", \.client.key, "The key that an application came with.")
        Member("clientId", \.client.connection.clientID)
        Member("address", \.client.connection.address)
        Member("listener", \.client.connection.listener)
        Member("node", \.node, "Of the cluster; null of a gateway alone.")
        Member("connectedAt", \.client.connection.connectedAt)
        Member("lastSeenAt", \.client.lastSeenAt)
        Member("protocolVersion", \.client.connection.protocolVersion)
        Member("keepAliveSeconds", \.client.connection.keepAliveSeconds)
        Member("tls", encryption, orNull: \.client.connection.encryption)
        Member(
            "certificateExpiresAt", \.client.connection.certificateExpiresAt,
            "When the certificate ends that it has shown; null without one.")
    }

    private static let encryption = Shape<DeviceConnection.Encryption> {
        Member("version", \.version)
        Member("cipher", \.cipher)
        Member("resumed", \.isResumed)
    }

    /// How a connection was refused, or ended.
    static let outcome = Shape<ConnectionOutcome>("Outcome") {
        Member("reason", \.reason)
        Member("at", \.at)
        Member("address", \.address)
        Member("listener", \.listener)
        Member("remedy", \.reason.remedy, "What can be done about it, for people.")
    }

    /// Rule C8.
    static let usage = Shape<(usage: DeviceUsage, limit: UInt64?)>("Usage") {
        Member("day", \.usage.today.day)
        Member("limit", \.limit, "What the device's code gives; null when there is none.")
        Member("used", \.usage.today.used)
        Member("topUp", \.usage.today.topUp)
        Member("history", each: \.usage.history) {
            Member("day", \.day)
            Member("used", \.used)
            Member("topUp", \.topUp)
        }
    }

    static let delivery = Shape<DownlinkOutcome>("Delivery") {
        Member(
            "outcome", \.name,
            as: .choice([DownlinkOutcome.delivered.name, DownlinkOutcome.queued.name]),
            "Queued: in line behind messages that the device has to acknowledge first.")
    }

    /// Rule B15, and how the device's last connections went.
    static let decision = Shape<(decision: Decision, outcomes: DeviceOutcomes)>("Decision") {
        Member("admitted") { $0.decision.parts.refusal == nil }
        Member("until", \.decision.parts.until)
        Member("consumes", \.decision.parts.consumes)
        Member("reason") { $0.decision.parts.refusal.map { Reason($0) } }
        Member("detail") { $0.decision.parts.refusal.map { "\($0)" } }
        Member("remedy") { $0.decision.parts.refusal.map { Reason($0).remedy } }
        Member("lastRefusal", outcome, orNull: \.outcomes.lastRefusal)
        Member("lastEnding", outcome, orNull: \.outcomes.lastEnding)
    }

    static let setting = Shape<AppliedSetting>("Setting") {
        Member("key", \.key, "As in the file; of a listener listeners.NAME.KEY.")
        Member("value", \.value, "As it is written; null: nothing.")
        Member(
            "origin", \.origin,
            "The file with its line, the environment variable or the argument; null: the default.")
    }

    static let backup = Shape<Backup>("Backup") {
        Member("id", \.id)
        Member("directory", \.directory, "Where it is once it is done; there is nothing before.")
        Member("state", \.state)
        Member("startedAt", \.startedAt)
        Member("finishedAt", \.finishedAt)
        Member("bytes", \.bytes, "Written so far.")
        Member("expectedBytes", \.expectedBytes, "As many as it takes, about.")
        Member("lastEvent", \.lastEvent, "The number of the newest event in it.")
        Member(
            "imagesLacking", \.imagesLacking,
            "Firmware images that its books know, and whose files were missing, or damaged.")
        Member("problem", \.problem, "Why it failed.")
    }
}

extension Decision {
    fileprivate var parts: (until: Timestamp?, consumes: ActivationCause?, refusal: Refusal?) {
        switch self {
        case .admit(let time), .readmit(let time): (time, nil, nil)
        case .consume(let cause): (nil, cause, nil)
        case .refuse(let refusal): (nil, nil, refusal)
        }
    }
}
