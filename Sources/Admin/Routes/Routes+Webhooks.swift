import Gateway
import Hummingbird
import Ledger

/// Where events go by HTTP as they happen (rule E4). A key sees and changes the webhooks of the accounts that it
/// reaches; those of all accounts are for owners and operators of the whole gateway.
extension Routes {
    mutating func registerWebhooks() {
        on(
            .get, "webhooks", "listWebhooks", "The webhooks that the key reaches",
            access: .managers, answers: .page(of: Documents.webhook)
        ) { call in
            let accounts = try call.webhookAccounts()
            return try call.list(Documents.webhook) { books, cursor, limit, transaction in
                let last = try books.lastSequence(in: transaction)
                let page = try books.webhooks(
                    of: accounts, cursor: cursor, limit: limit, in: transaction)
                return page.map { ($0, last) }
            }
        }
        on(
            .get, "webhooks/:webhook", "showWebhook", "A webhook, without its secret",
            access: .managers, answers: .ok(Documents.webhook)
        ) { call in .json(try Self.show(try call.webhook().id, call)) }
        on(
            .post, "webhooks", "createWebhook",
            "Have events sent to a URL from now on; the secret that they are signed with is shown once",
            access: .managers,
            body: .json([
                "name": .name, "url": .webhookURL,
                "account": .optional(
                    .id(AccountID.self),
                    "Whose events; without it all, which takes a key that is not bound to an account."
                ),
                "kinds": .optional(
                    .webhookKinds, "Names of changes; without any, all that the account may see."),
                "on": .optional(.flag, "true by default."),
            ]),
            answers: .created(.newWebhook), problems: [.unknownAccount, .tooManyWebhooks]
        ) { call in try await Self.create(call) }
        on(
            .patch, "webhooks/:webhook", "updateWebhook",
            "Change a webhook; what has failed is tried at once, and as often as a new event is",
            access: .managers,
            body: .json([
                "name": .optional(.name), "url": .optional(.webhookURL),
                "kinds": .optional(.webhookKinds), "on": .optional(.flag),
                "skip": .optional(
                    .flag, "Passes over the events that wait; false by default."),
            ]),
            answers: .ok(Documents.webhook)
        ) { call in
            let fields = try await call.fields()
            let id = try call.webhookToChange()
            let update = WebhookUpdate(
                name: try fields.optionalText("name"), url: try Self.url(fields, call),
                kinds: try Self.kinds(fields), isOn: try fields.optionalFlag("on"),
                skips: try fields.optionalFlag("skip") ?? false)
            return try await call.answer(.webhooks(.update(id, update))) {
                try Self.show(id, call)
            }
        }
        on(
            .post, "webhooks/:webhook/secret/rotate", "rotateWebhookSecret",
            "Give a webhook another secret, shown once; the one before signs, too, for a while",
            access: .managers,
            body: .json([
                "overlapHours": .optional(
                    .integer(0...Books.overlapMaximumHours), "24 by default; 0: no longer at all.")
            ]),
            answers: .ok(.newWebhook)
        ) { call in
            let hours = try await call.fields().optionalNumber("overlapHours") ?? 24
            let id = try call.webhookToChange()
            var mint = call.mint
            let secret = mint.webhookSecret()
            let action = WebhookAction.rotateSecret(
                id, secret: try call.controlPlane.secretKeys.seal(secret, for: id),
                overlapMilliseconds: UInt64(hours) * 3_600_000)
            let shown = try await call.submit(.webhooks(action)) { _ in
                try Self.show(id, call)
            }
            return .json(shown.adding("secret", .text(secret.text)))
        }
        on(
            .delete, "webhooks/:webhook", "deleteWebhook",
            "Send it nothing any more, and forget it with its deliveries", access: .managers,
            answers: .noContent
        ) { call in
            try await call.submit(.webhooks(.delete(try call.webhookToChange())))
            return Response(status: .noContent)
        }
    }

    private static func show(_ id: WebhookID, _ call: Call) throws -> JSON {
        let shown = try call.read(or: .webhooks(.unknown(id))) { books, transaction in
            try books.webhook(id, in: transaction).map {
                ($0, try books.lastSequence(in: transaction))
            }
        }
        return Documents.webhook(shown)
    }

    private static func create(_ call: Call) async throws -> Response {
        let fields = try await call.fields()
        let account = try fields.optional("account", AccountID.init)
        try call.requireWebhooks(of: account)
        guard let url = try url(fields, call) else { throw Problem.invalid("url: is missing") }
        var mint = call.mint
        guard let id = WebhookID("wh\(mint.text(12))") else {
            preconditionFailure("letters and digits are an id")
        }
        let secret = mint.webhookSecret()
        let webhook = NewWebhook(
            id: id, name: try fields.text("name"), account: account, url: url,
            kinds: try kinds(fields) ?? [],
            secret: try call.controlPlane.secretKeys.seal(secret, for: id),
            isOn: try fields.optionalFlag("on") ?? true)
        let shown = try await call.submit(.webhooks(.create(webhook))) { _ in
            try Self.show(id, call)
        }
        return call.created(
            shown.adding("secret", .text(secret.text)), at: "/v1/webhooks/\(id)")
    }

    private static func url(_ fields: Fields, _ call: Call) throws(Problem) -> WebhookURL? {
        guard let text = try fields.optionalText("url") else { return nil }
        guard let url = WebhookURL(text) else {
            throw .invalid("url: must be an https URL without a user name and a fragment")
        }
        guard url.isEncrypted || call.configuration.webhooks.allowPlainHTTP else {
            throw .invalid("url: must begin with https:// (webhooks.allowPlainHTTP is off)")
        }
        return url
    }

    private static func kinds(_ fields: Fields) throws(Problem) -> [EventKind]? {
        try fields.optionalArray("kinds")?.compactMap { $0.text.flatMap(EventKind.init) }
    }
}

/// What came of sending.
extension Routes {
    mutating func registerDeliveries() {
        on(
            .get, "webhooks/:webhook/deliveries", "listDeliveries",
            "The last attempts to deliver events, the newest first, at most 100",
            access: .managers, answers: .page(of: Documents.webhookDelivery)
        ) { call in
            let webhook = try call.webhook()
            return try call.list(Documents.webhookDelivery) { books, cursor, limit, transaction in
                try books.webhookAttempts(
                    of: webhook.id, cursor: cursor, limit: limit, in: transaction)
            }
        }
        on(
            .post, "webhooks/:webhook/test", "testWebhook",
            "Send a test event now, and say what comes back within 15 seconds",
            access: .managers, answers: .ok(Documents.webhookAttempt), problems: [.tooMuchAtOnce],
            isRemembered: false
        ) { call in
            let webhook = try call.webhook()
            let message = WebhookMessage(
                testOf: webhook.id, at: call.controlPlane.now, by: call.principal.actor)
            return try await Self.send(message, to: webhook, .test, call)
        }
        on(
            .post, "webhooks/:webhook/deliveries/:delivery/redeliver", "redeliver",
            "Send the event of a delivery once more, now, and say what comes back",
            access: .managers, answers: .ok(Documents.webhookAttempt), problems: [.tooMuchAtOnce],
            isRemembered: false
        ) { call in
            let webhook = try call.webhook()
            let number = call.parameter("delivery") { $0 }
            let event = try call.read { books, transaction in
                let attempts = try books.webhookAttempts(of: webhook.id, in: transaction)
                guard let found = attempts.first(where: { String($0.number) == number }),
                    found.attempt.sequence > 0
                else {
                    throw Problem(.unknownDelivery, "there is no delivery \(number) of an event")
                }
                return try books.events(
                    after: found.attempt.sequence - 1, limit: 1, in: transaction
                ).first
            }
            guard let event else { throw Problem(.unknownDelivery) }
            return try await Self.send(
                WebhookMessage(event, for: webhook.id), to: webhook, .redelivery, call)
        }
    }

    private static func send(
        _ message: WebhookMessage, to webhook: Webhook, _ cause: WebhookAttempt.Cause, _ call: Call
    ) async throws -> Response {
        guard let slot = call.server.webhookTests.slot(for: call.principal.tenant) else {
            throw Problem(
                .tooMuchAtOnce, "no more messages to webhooks can be waited for at once",
                retryAfterSeconds: 5)
        }
        let sent = try await call.server.webhooks.sendOnce(message, to: webhook.record, cause)
        withExtendedLifetime(slot) {}
        return .json(Documents.webhookAttempt(sent))
    }
}

extension Call {
    /// The webhook that the path names, if the caller reaches it: one out of reach is answered like one that is not
    /// there.
    fileprivate func webhook() throws -> Webhook {
        let id = parameter("webhook", WebhookID.init)
        let webhook = try read(or: .webhooks(.unknown(id))) { try $0.webhook(id, in: $1) }
        guard reachesWebhooks(of: webhook.record.account) else {
            throw Problem(.webhooks(.unknown(id)))
        }
        return webhook
    }

    /// The same, of a change: when it is repeated, the webhook may be gone.
    fileprivate func webhookToChange() throws -> WebhookID {
        let id = parameter("webhook", WebhookID.init)
        let isGone = try read { try $0.webhook(id, in: $1) } == nil
        return isGone && isRepeatable ? id : try webhook().id
    }

    /// Whose webhooks are reached; `nil`: all.
    fileprivate func webhookAccounts() throws -> [AccountID]? {
        guard principal.products == nil else { return [] }
        return principal.accounts
    }

    /// A key of some products reaches none: events of others would come.
    private func reachesWebhooks(of account: AccountID?) -> Bool {
        guard principal.products == nil else { return false }
        guard let account else { return Access.gateway.admits(principal) }
        return principal.reaches(account)
    }

    fileprivate func requireWebhooks(of account: AccountID?) throws {
        guard principal.products == nil else {
            throw Problem.forbidden("a key of some products has no webhooks")
        }
        guard let account else {
            guard Access.gateway.admits(principal) else {
                throw Problem.forbidden("a webhook of all accounts needs \(Access.gateway.rule)")
            }
            return
        }
        try self.account(account)
    }
}
