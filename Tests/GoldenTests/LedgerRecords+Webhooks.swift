import Storage
import Time

@testable import Ledger
@testable import LedgerModel

extension LedgerRecords {
    private static let webhook = WebhookID("wh1")!

    private static var plain: WebhookRecord {
        WebhookRecord(
            NewWebhook(
                id: webhook, name: "", account: nil, url: WebhookURL("https://example.org")!,
                kinds: [], secret: secret),
            createdAt: time)
    }

    private static var full: WebhookRecord {
        var record = WebhookRecord(
            NewWebhook(
                id: webhook, name: "Hook", account: acme,
                url: WebhookURL("http://[::1]:8080/a?b=c")!,
                kinds: [EventKind("device-activated")!, EventKind("key-revoked")!],
                secret: secret, isOn: false),
            createdAt: time)
        record.formerSecret = SealedSecret([1, 2])!
        record.formerUntil = latest
        return record
    }

    private static var failing: WebhookProgressRecord {
        var record = WebhookProgressRecord(sequence: .max)
        record.failures = 300
        record.retryAt = time
        record.attempts = 1 << 40
        return record
    }

    static func webhooks(_ books: Books) -> [GoldenTable] {
        [
            GoldenTable(
                books.webhooks, keys: ["plain": webhook],
                records: ["plain": plain, "full": full]),
            GoldenTable(
                books.webhookProgress, keys: ["plain": webhook],
                records: ["new": WebhookProgressRecord(sequence: 1), "failing": failing]),
            GoldenTable(
                books.webhookAttempts, keys: ["plain": KeyPair(webhook, 300 as UInt64)],
                records: [
                    "delivered": WebhookAttemptRecord(
                        attempt: WebhookAttempt(
                            cause: .event, sequence: 300, at: time, number: 1, status: 204,
                            milliseconds: 300, error: nil, nextAt: nil)),
                    "failed": WebhookAttemptRecord(
                        attempt: WebhookAttempt(
                            cause: .redelivery, sequence: .max, at: time, number: .max,
                            status: 0, milliseconds: .max, error: "late", nextAt: latest)),
                ]),
        ]
    }
}
