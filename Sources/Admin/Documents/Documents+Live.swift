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
            "checks": .array(readiness.checks.map { .text($0.name) }),
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

    static func delivery(_ fate: DownlinkOutcome) -> JSON { ["fate": .text(fate.name)] }

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
