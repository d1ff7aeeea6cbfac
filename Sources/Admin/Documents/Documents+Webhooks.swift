import Gateway
import Ledger

/// Webhooks, and what came of sending to them (rule E4).
extension Documents {
    typealias ShownWebhook = (webhook: Webhook, lastSequence: UInt64)

    static let webhook = Shape<ShownWebhook>("Webhook") {
        Member("id", \.webhook.id)
        Member("name", \.webhook.record.name, as: .name)
        Member(
            "account", \.webhook.record.account,
            "Whose events it gets, those of its sub-accounts among them. Null: all events.")
        Member("url", \.webhook.record.url)
        Member("kinds", \.webhook.record.kinds, "Empty: all that the account may see.")
        Member("on", \.webhook.record.isOn)
        Member("createdAt", \.webhook.record.createdAt)
        Member(
            "formerSecretUntil", \.webhook.record.formerUntil,
            "How long the secret before the last change signs, too.")
        Member("sequence", \.webhook.progress.sequence, "Of the last event that is done with.")
        Member(
            "behind", { $0.lastSequence - min($0.lastSequence, $0.webhook.progress.sequence) },
            "How many events of the log come behind it, wanted or not.")
        Member("failures", \.webhook.progress.failures, "How often the next one has failed.")
        Member("retryAt", \.webhook.progress.retryAt, "When it is tried again.")
    }

    /// What came of one attempt.
    static let webhookDelivery = Shape<(number: UInt64, attempt: WebhookAttempt)>("WebhookDelivery")
    {
        Member("id", { String($0.number) }, as: .number)
        Member("cause", \.attempt.cause)
        Member("sequence", \.attempt.sequence, "The event's; 0 of a test.")
        Member("at", \.attempt.at)
        Member("attempt", \.attempt.number, "The first of an event is 1.")
        Member("delivered", { $0.attempt.error == nil })
        Member("status", \.attempt.status, "HTTP's; 0 when no answer came.")
        Member("milliseconds", \.attempt.milliseconds)
        Member("error", \.attempt.error, "Null when it was delivered.")
        Member("nextAt", \.attempt.nextAt, "When it is tried again; null: not at all.")
    }

    /// An attempt that the caller has asked for, with the beginning of the answer.
    static let webhookAttempt = Shape<(attempt: WebhookAttempt, body: [UInt8])>("WebhookAttempt") {
        Member("cause", \.attempt.cause)
        Member("sequence", \.attempt.sequence, "The event's; 0 of a test.")
        Member("at", \.attempt.at)
        Member("delivered", { $0.attempt.error == nil })
        Member("status", \.attempt.status, "HTTP's; 0 when no answer came.")
        Member("milliseconds", \.attempt.milliseconds)
        Member("error", \.attempt.error, "Null when it was delivered.")
        Member(
            "answer", { String(decoding: $0.body, as: UTF8.self).printable(keeping: true) },
            "The first 1,024 bytes of the answer's body.")
    }
}

extension Schema {
    /// Of a webhook.
    static let webhookURL = noted(
        .text(
            .init(
                lengths: 1...WebhookURL.maximumLength, alphabet: .visible,
                form:
                    "^https://[a-z0-9]{1,60}\\.[a-z]{2,10}(:[1-9][0-9]{0,3})?(/[A-Za-z0-9._~-]{0,60})*$",
                example: "https://example.org/tollgate")),
        "An https URL, without a user name and a fragment, or an http one where the configuration allows it: the reader takes more than the pattern."
    )

    static let webhookKinds = list(
        .choice(Change.names), counts: 0...Books.webhookKindsMaximum)

    /// A webhook with its secret, which is shown once.
    static let newWebhook = Documents.webhook.schema.adding(
        ["secret": .secret], named: "NewWebhook")
}
