import Time

@testable import Ledger
@testable import LedgerModel

/// Of webhooks.
extension Samples {
    static func webhook(_ id: String, of account: AccountID?, kinds: [String] = []) -> NewWebhook {
        NewWebhook(
            id: WebhookID(id)!, name: "Hook", account: account,
            url: WebhookURL("https://example.org/hook")!, kinds: kinds.map { EventKind($0)! },
            secret: SealedSecret("s")!)
    }

    static func report(_ id: String, sequence: UInt64, attempts: Int) -> WebhookReport {
        WebhookReport(
            id: WebhookID(id)!, sequence: sequence, failures: 3,
            retryAt: Timestamp(milliseconds: 4),
            attempts: (0..<attempts).map { number in
                WebhookAttempt(
                    cause: .event, sequence: 300, at: Timestamp(milliseconds: 2),
                    number: UInt32(number + 1), status: 500, milliseconds: 300, error: "no",
                    nextAt: Timestamp(milliseconds: 4))
            })
    }

    private static let hook = WebhookID("w")!

    static let webhookActions: [Action] = [
        .webhooks(.create(webhook("w", of: nil))),
        .webhooks(.create(webhook("w", of: TestStore.acme, kinds: ["device-activated"]))),
        .webhooks(.update(hook, WebhookUpdate())),
        .webhooks(
            .update(
                hook,
                WebhookUpdate(
                    name: "Ä", url: WebhookURL("http://[::1]:8080/a?b=c")!,
                    kinds: [EventKind("key-revoked")!], isOn: false, skips: true))),
        .webhooks(
            .rotateSecret(hook, secret: SealedSecret("t")!, overlapMilliseconds: 300)),
        .webhooks(.delete(hook)),
        .webhooks(.report([])),
        .webhooks(
            .report([
                report("w", sequence: 1 << 40, attempts: 1),
                WebhookReport(
                    id: hook, sequence: 1, failures: 0, retryAt: nil,
                    attempts: [
                        WebhookAttempt(
                            cause: .test, sequence: 0, at: Timestamp(milliseconds: -1), number: 1,
                            status: 204, milliseconds: 0, error: nil, nextAt: nil),
                        WebhookAttempt(
                            cause: .redelivery, sequence: 7, at: Timestamp(milliseconds: 1),
                            number: 1, status: 0, milliseconds: 15_000, error: "late",
                            nextAt: nil),
                    ]),
            ])),
    ]

    static let webhookChanges: [Change] = [
        .webhooks(.created(hook, account: nil)),
        .webhooks(.created(hook, account: TestStore.acme)),
        .webhooks(.updated(hook, account: TestStore.acme, isOn: false)),
        .webhooks(
            .secretRotated(hook, account: nil, until: Timestamp(milliseconds: 4))),
        .webhooks(.deleted(hook, account: TestStore.acme)),
    ]

    static let webhookRefusals: [Refusal] = [
        .webhooks(.unknown(hook)), .webhooks(.tooMany(maximum: 300)),
    ]
}
