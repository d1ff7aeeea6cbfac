import Storage
import Time

@testable import Ledger
@testable import LedgerModel

extension Damage {
    private static let first = WebhookID("w1")!
    private static let ghost = WebhookID("w9")!

    static let webhooks: [Damage] = [
        Damage("a webhook that is gone", "webhook w2 is not there") {
            (books, transaction) throws(StoreError) in
            try books.webhooks.remove(WebhookID("w2")!, in: transaction)
        },
        Damage("a webhook too many", "the log has not left w9") {
            (books, transaction) throws(StoreError) in
            try books.webhooks.copy(first, to: ghost, in: transaction)
        },
        Damage(
            "a webhook of an unknown account", "webhook w1 is of account ghost, which is not there"
        ) { (books, transaction) throws(StoreError) in
            let webhook = Samples.webhook("w1", of: AccountID("ghost")!)
            try books.webhooks.put(
                first, WebhookRecord(webhook, createdAt: Timestamp(milliseconds: 0)),
                in: transaction)
        },
        Damage("a webhook without progress", "webhook w1 is behind no event") {
            (books, transaction) throws(StoreError) in
            try books.webhookProgress.remove(first, in: transaction)
        },
        Damage("a webhook ahead of the log", "or behind one that is not there") {
            (books, transaction) throws(StoreError) in
            try books.webhookProgress.change(first, in: transaction) { $0.sequence = 1 << 40 }
        },
        Damage("progress of no webhook", "table webhookProgress: w9 is too many") {
            (books, transaction) throws(StoreError) in
            try books.webhookProgress.copy(first, to: ghost, in: transaction)
        },
        Damage("an attempt that was not made", "attempt 9 of webhook w1 is not one of its last") {
            (books, transaction) throws(StoreError) in
            try books.webhookAttempts.copy(
                KeyPair(first, 3), to: KeyPair(first, 9), in: transaction)
        },
        Damage("an attempt that is gone", "attempts of webhook w1 that are kept: 2 is not 3") {
            (books, transaction) throws(StoreError) in
            try books.webhookAttempts.remove(KeyPair(first, 2), in: transaction)
        },
        Damage("an attempt of no webhook", "attempt 3 of webhook w9 is not one of its last") {
            (books, transaction) throws(StoreError) in
            try books.webhookAttempts.copy(
                KeyPair(first, 3), to: KeyPair(ghost, 3), in: transaction)
        },
    ]
}
