import Gateway
import Ledger

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
            "checks": .list(.anyText),
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
            "fate": .noted(
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
