import Courier
import Gateway
import Ledger

/// Alerts: rules, what was fired, and the mail about it (rules E1 and E2).
extension Documents {
    static let alertRule = Shape<AlertRuleInForce>("AlertRule") {
        Member("rule", \.kind)
        Member("on", \.rule.isOn)
        Member(
            "number", \.rule.number,
            "The fewest codes, or units of packs, that are enough; of what counts devices, the fewest that are worth an alert."
        )
        Member(
            "percent", \.rule.percent,
            "The same as a share of all codes that the product ever got, or of the packs that are not empty."
        )
        Member(
            "days", \.rule.days,
            "Of near-expiry and authority-ending: how long before its end a code, or a certificate, is near it; of revocation-list-due, how long before a list is due, at most a quarter of the time that it is for."
        )
        Member("source", \.source, "Whose rule that is.")
    }

    static let alertLanguage = Shape<(language: AlertLanguage, recipients: [AlertRecipient])>(
        "AlertLanguage"
    ) {
        Member("language", \.language)
        Member("languages", each: \.recipients) {
            Member("email", \.email)
            Member("language", \.language, "A contact's own, or the account's.")
        }
        Member(
            "recipients", { $0.recipients.map(\.email) },
            "Who gets the account's alerts, each address once.")
    }

    static let alert = Shape<Alert>("Alert") {
        Member("id", { String($0.number) }, as: .number)
        Member("account", \.record.place.account, "null: it is the operator's.")
        Member("rule", \.record.place.kind)
        Member("product", \.record.place.subject.product)
        Member("productName", \.productName)
        Member("packs", \.record.place.subject.packs, "Which top-up packs are low.")
        Member("node", \.record.place.subject.node, "Which node of the gateway it is about.")
        Member("authority", \.record.place.subject.authority, "Which authority it is about.")
        Member("authorityName", \.authorityName, "What that is called, while it is there.")
        Member("open", { $0.record.resolvedAt == nil })
        Member("firedAt", \.record.firedAt)
        Member(
            "repeatedAt", \.record.repeatedAt,
            "When a digest was told of last, as it went on for another day.")
        Member(
            "value", \.record.value,
            "How many there were, or were left, then; of a digest, how many devices it told of last."
        )
        Member("threshold", \.record.threshold, "How many would have been enough, or too many.")
        Member("resolvedAt", \.record.resolvedAt)
        Member(
            "resolvedValue", { $0.record.resolvedAt == nil ? nil : $0.record.resolvedValue })
        Member("devices", each: \.record.digest) {
            Member("product", \.product)
            Member("count", \.devices, "Of a digest: devices since the last one, counted to 1,000.")
            Member("first", \.first, "Some of them, in order.")
        }
        Member("sentTo", each: \.notifications) {
            Member("id", { String($0.id) }, as: .number)
            Member("email", \.record.recipient)
            Member("resolution", \.record.isResolution, "Whether it says that all is well again.")
            Member("delivery", \.record.state)
        }
    }

    static let notification = Shape<AlertNotification>("Notification") {
        Member("id", { String($0.id) }, as: .number)
        Member("alert", { String($0.record.alert) }, as: .number)
        Member("account", \.record.account)
        Member("email", \.record.recipient)
        Member("resolution", \.record.isResolution, "Whether it says that all is well again.")
        Member("language", \.record.language)
        Member("delivery", \.record.state)
        Member("createdAt", \.record.createdAt)
        Member("attempts", \.record.attempts)
        Member(
            "unknownOutcomes", \.record.unknownOutcomes,
            "Attempts whose gateway ended before it could say what came of them: the mail may have arrived more than once."
        )
        Member(
            "nextAt", { $0.record.state == .waiting ? $0.record.nextAt : nil },
            "When it is sent next.")
        Member("status", \.record.status, "The mail server's last reply code; 0: none came.")
        Member("answer", \.record.answer, "What the mail server said last, or why nothing came.")
        Member("endedAt", \.record.endedAt, "When it was sent or given up.")
    }

    static let alertTest = Shape<CourierOutcome>("AlertTest") {
        Member("sent", { $0.error.isEmpty })
        Member("status", \.status, "The mail server's last reply code; 0: none came.")
        Member("milliseconds", \.milliseconds)
        Member("answer", \.words, "What the mail server said last, or why nothing came.")
    }
}
