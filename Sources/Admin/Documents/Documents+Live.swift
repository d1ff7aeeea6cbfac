import Gateway
import Ledger
import Metering
import Time

/// The JSON shapes of what only the running gateway knows, and of its decisions.
extension Documents {
    static func readiness(_ readiness: Readiness) -> JSON {
        let failing = readiness.checks.filter { $0.problem != nil }
        return [
            "ready": JSON(readiness.isReady),
            "reasons": .array(
                failing.map { ["name": .text($0.name), "problem": JSON($0.problem)] }
            ),
            "warnings": .array(
                readiness.checks.filter { $0.warning != nil }
                    .map { ["name": .text($0.name), "warning": JSON($0.warning)] }
            ),
            "checks": .array(readiness.checks.map { .text($0.name) }),
        ]
    }

    /// Rule B16.
    static func clock(_ now: Timestamp, _ known: BooksTime, aheadMilliseconds: UInt64?) -> JSON {
        [
            "now": JSON(now),
            "believed": JSON(known.doubt == nil),
            "doubt": JSON(known.doubt?.name),
            "known": JSON(known.doubt?.known),
            "aheadHours": JSON(aheadMilliseconds.map { $0 / 3_600_000 }),
        ]
    }

    /// Rule A10: sentences that name what is wrong, at most 100.
    static func check(_ problems: [String]) -> JSON {
        [
            "balanced": JSON(problems.isEmpty),
            "problems": .array(problems.map { .text($0) }),
            // A running gateway has migrated its stores.
            "formats": [
                "ledger": .integer(Int64(Stores.Formats.current.ledger)),
                "usage": .integer(Int64(Stores.Formats.current.usage)),
            ],
        ]
    }

    static func connection(_ connection: DeviceConnection) -> JSON {
        var tls = JSON.null
        if let encryption = connection.encryption {
            tls = [
                "version": .text(encryption.version),
                "cipher": .text(encryption.cipher),
                "resumed": JSON(encryption.isResumed),
            ]
        }
        return [
            "address": .text(connection.address),
            "listener": .text(connection.listener),
            "connectedAt": JSON(connection.connectedAt),
            "protocolVersion": .text(connection.protocolVersion),
            "clientId": .text(connection.clientID),
            "keepAliveSeconds": JSON(connection.keepAliveSeconds),
            "tls": tls,
        ]
    }

    /// `null` when there was none that is remembered.
    static func outcome(_ outcome: ConnectionOutcome?) -> JSON {
        guard let outcome else { return .null }
        return [
            "reason": .text(outcome.reason.name),
            "at": JSON(outcome.at),
            "address": .text(outcome.address),
            "listener": .text(outcome.listener),
            "remedy": .text(outcome.reason.remedy),
        ]
    }

    static func usage(_ usage: DeviceUsage, limit: UInt64?) -> JSON {
        [
            "day": JSON(usage.today.day),
            "limit": JSON(limit),
            "used": JSON(usage.today.used),
            "topUp": JSON(usage.today.topUp),
            "history": .array(
                usage.history.map { count in
                    ["day": JSON(count.day), "used": JSON(count.used), "topUp": JSON(count.topUp)]
                }
            ),
        ]
    }

    static func productDay(_ day: ProductDay) -> JSON {
        ["day": JSON(day.day), "used": JSON(day.used), "topUp": JSON(day.topUp)]
    }

    static func delivery(_ outcome: DownlinkOutcome) -> JSON { ["outcome": .text(outcome.name)] }

    /// Rule B15, and how the device's last connections went.
    static func decision(_ decision: Decision, _ outcomes: DeviceOutcomes) -> JSON {
        var (isAdmitted, until, consumes) = (true, JSON.null, JSON.null)
        var (reason, detail, remedy) = (JSON.null, JSON.null, JSON.null)
        switch decision {
        case .admit(let time), .readmit(let time): until = JSON(time)
        case .consume(let cause): consumes = .text(cause.name)
        case .refuse(let refusal):
            isAdmitted = false
            reason = .text(Reason(refusal).name)
            detail = .text("\(refusal)")
            remedy = .text(Reason(refusal).remedy)
        }
        return [
            "admitted": .bool(isAdmitted),
            "until": until,
            "consumes": consumes,
            "reason": reason,
            "detail": detail,
            "remedy": remedy,
            "lastRefusal": outcome(outcomes.lastRefusal),
            "lastEnding": outcome(outcomes.lastEnding),
        ]
    }
}

/// The shapes of `Documents`: what only the running gateway knows, its decisions, its events.
extension Schema {
    /// One name for the wire, the log, the metrics and the API.
    static let reason = named("Reason", .choice(Reason.self))

    /// RFC 9457.
    static let problem = named(
        "Problem",
        .object([
            "type": .noted(.anyText, "urn:tollgate:reason:REASON"),
            "title": .anyText,
            "status": .integer(400...599),
            "reason": .reason,
            "detail": .noted(.anyText, "For people."),
            "remedy": .noted(.anyText, "What can be done about it, for people."),
            "line": .noted(.optional(.count), "Of a CSV body, counted from 1."),
        ])
    )

    /// How a connection was refused, or ended.
    static let outcome = named(
        "Outcome",
        .object([
            "reason": .reason,
            "at": .time,
            "address": .anyText,
            "listener": .anyText,
            "remedy": .noted(.anyText, "What can be done about it, for people."),
        ])
    )

    static let health = named("Health", .object(["alive": .flag]))

    static let readiness = named(
        "Readiness",
        .object([
            "ready": .flag,
            "reasons": .list(.object(["name": .anyText, "problem": .anyText])),
            "warnings": .list(.object(["name": .anyText, "warning": .anyText])),
            "checks": .list(.anyText),
        ])
    )

    /// Rule B16.
    static let clock = named(
        "Clock",
        .object([
            "now": .time,
            "believed": .noted(.flag, "While it is not, no code is consumed."),
            "doubt": .noted(
                .nullable(.choice(["behind", "ahead"])), "Where it is, when it is doubted."),
            "known": .noted(
                .nullable(.time), "Then: the last time that the books are sure of."),
            "aheadHours": .noted(
                .nullable(.count),
                "How far ahead it may be of the last sign of life; null: it is not looked at."),
        ])
    )

    /// Rule A10.
    static let check = named(
        "Check",
        .object([
            "balanced": .flag,
            "problems": .list(.anyText),
            "formats": .object([
                "ledger": .integer(1...(1 << 31)), "usage": .integer(1...(1 << 31)),
            ]),
        ])
    )

    static let connection = named(
        "Connection",
        .object([
            "address": .anyText,
            "listener": .anyText,
            "connectedAt": .time,
            "protocolVersion": .anyText,
            "clientId": .anyText,
            "keepAliveSeconds": .count,
            "tls": .nullable(
                .object(["version": .anyText, "cipher": .anyText, "resumed": .flag])
            ),
        ])
    )

    private static let messageTopic = noted(
        .text(.init(lengths: 1...1_024, alphabet: .topic)), "What follows d/PK/DK/down/.")
    private static let messageQoS = noted(
        .optional(.integer(0...1)),
        "1 when it is missing; no more than the device has subscribed with.")

    /// Rule C10: a message to a device.
    static let message = either([
        .named(
            "Message",
            .object(["topic": messageTopic, "payload": .anyText, "qos": messageQoS])
        ),
        .named(
            "BinaryMessage",
            .object([
                "topic": messageTopic,
                "payloadBase64": .text(.init(form: Base64.form, lengths: 0...Int.max)),
                "qos": messageQoS,
            ])
        ),
    ])

    static let delivery = named(
        "Delivery",
        .object([
            "outcome": .noted(
                .choice([DownlinkOutcome.delivered.name, DownlinkOutcome.queued.name]),
                "Queued: in line behind messages that the device has to acknowledge first.")
        ])
    )

    /// Rule C8.
    static let usage = named(
        "Usage",
        .object([
            "day": .day,
            "limit": .noted(.nullable(.count), "Null when there is none."),
            "used": .count,
            "topUp": .count,
            "history": .list(.object(["day": .day, "used": .count, "topUp": .count])),
        ])
    )

    /// Rule C8.
    static let productDay = named(
        "ProductDay", .object(["day": .day, "used": .count, "topUp": .count]))

    /// Rule B15.
    static let decision = named(
        "Decision",
        .object([
            "admitted": .flag,
            "until": .nullable(.time),
            "consumes": .nullable(.choice(ActivationCause.self)),
            "reason": .nullable(.reason),
            "detail": .nullable(.anyText),
            "remedy": .nullable(.anyText),
            "lastRefusal": .nullable(.outcome),
            "lastEnding": .nullable(.outcome),
        ])
    )

    /// Rule E3: what every entry has; the rest depends on the change.
    static let event = named(
        "Event",
        .openObject([
            "sequence": .count,
            "at": .time,
            "actor": .anyText,
            "change": .anyText,
        ])
    )
}
