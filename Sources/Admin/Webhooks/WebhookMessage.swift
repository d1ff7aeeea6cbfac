import Courier
import Cryptography
import Gateway
import Ledger
import Time

/// What a webhook's receiver gets: the event's document, with the webhook's id as `to`, as events of webhooks have a
/// `webhook` of their own.
struct WebhookMessage: Sendable {
    let webhook: WebhookID

    /// The event's; 0 of a test.
    let sequence: UInt64
    let body: [UInt8]

    /// An event of the log.
    init(_ event: Event, for webhook: WebhookID) {
        self.webhook = webhook
        sequence = event.sequence
        body = Documents.event(event).adding("to", JSON(webhook)).bytes
    }

    /// What stands for an event when a person wants to see what comes back.
    init(testOf webhook: WebhookID, at time: Timestamp, by actor: String) {
        let document: JSON = [
            "sequence": 0, "at": JSON(time), "actor": .text(actor), "change": "test",
            "to": JSON(webhook),
        ]
        self.webhook = webhook
        sequence = 0
        body = document.bytes
    }

    /// The same each time that the event is sent to the webhook: by it a receiver knows a double. Without a full stop,
    /// which ends it in what is signed.
    var identifier: String {
        "\(webhook.text.replacing(".", with: "_"))_\(sequence)"
    }

    /// Standard Webhooks' headers. While a secret's overlap lasts there are two signatures.
    func headers(at time: Timestamp, secrets: [Secret]) -> [CourierJob.Header] {
        let seconds = time.milliseconds / 1_000
        let signatures = secrets.compactMap {
            WebhookSignature.text(of: body, identifier, seconds, secret: $0)
        }
        return [
            .init("Content-Type", "application/json"), .init("User-Agent", "Tollgate"),
            .init("webhook-id", identifier), .init("webhook-timestamp", "\(seconds)"),
            .init("webhook-signature", signatures.joined(separator: " ")),
        ]
    }
}

/// How a message is signed (standardwebhooks.com, "Signature scheme"): HMAC-SHA-256 over `ID.TIMESTAMP.BODY`.
enum WebhookSignature {
    /// Of a secret's text; Base64 of the key follows.
    static let prefix = "whsec_"

    /// `v1,BASE64`; `nil` when the secret is none.
    static func text(
        of body: [UInt8], _ identifier: String, _ seconds: Int64, secret: Secret
    ) -> String? {
        guard secret.text.hasPrefix(prefix),
            let key = Base64.decoded(String(secret.text.dropFirst(prefix.count)))
        else { return nil }
        var code = HMACSHA256(key: key.span)
        code.update(Array("\(identifier).\(seconds).".utf8).span)
        code.update(body.span)
        let digest = code.finalize()
        return "v1," + Base64.encoded((0..<SHA256Digest.length).map { digest.span[$0] })
    }
}
