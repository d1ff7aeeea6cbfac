import Gateway
import Hummingbird
import Ledger

/// When alerts are fired, and in which language they are written (rules E1 and E2).
extension Routes {
    mutating func registerAlertRules() {
        on(
            .get, "accounts/:account/alert-rules", "listAlertRules",
            "When alerts are fired for an account, and where each rule comes from",
            access: .wholeAccounts, answers: .page(of: Documents.alertRule)
        ) { call in
            let account = try call.account()
            // There are so few that they are one part.
            guard try call.page().cursor == nil else { throw Problem.unknownCursor }
            let rules = try call.read { try $0.alertRules(of: account, in: $1) }
            return call.list(rules.map { Documents.alertRule($0) }, cursor: nil)
        }
        on(
            .put, "accounts/:account/alert-rules/:rule", "setAlertRule",
            "Set a rule for an account and those of its sub-accounts that have none of their own",
            access: .wholeAccounts,
            body: .json([
                "number": .integer(0...Int64(AlertRule.numberMaximum)),
                "percent": .optional(.integer(0...100), "0 by default."),
                "days": .optional(
                    .integer(1...Int64(AlertRule.daysMaximum)),
                    "Of near-expiry and authority-ending, 30 by default, and of revocation-list-due, 7."
                ),
                "on": .optional(.flag, "true by default."),
            ]),
            answers: .ok(Documents.alertRule)
        ) { call in
            let account = try call.account()
            let kind = call.parameter("rule", AccountRule.init(named:)).kind
            let fields = try await call.fields()
            let rule = AlertRule(
                isOn: try fields.optionalFlag("on") ?? true,
                number: UInt64(try fields.number("number")),
                percent: UInt32(try fields.optionalNumber("percent") ?? 0),
                days: try fields.optionalNumber("days").map { UInt32($0) }
                    ?? AlertSettings().rule(kind).days)
            return try await call.answer(.alerts(.setRule(account, kind, rule))) {
                try Self.rule(kind, of: account, call)
            }
        }
        on(
            .delete, "accounts/:account/alert-rules/:rule", "resetAlertRule",
            "Take a rule of an account's own away: its parent's holds, or the configuration's",
            access: .wholeAccounts, answers: .noContent
        ) { call in
            let account = try call.account()
            let kind = call.parameter("rule", AccountRule.init(named:)).kind
            try await call.submit(.alerts(.resetRule(account, kind)))
            return Response(status: .noContent)
        }
        on(
            .get, "accounts/:account/alert-language", "showAlertLanguage",
            "The language that an account's alerts are written in, and who gets them",
            access: .wholeAccounts, answers: .ok(Documents.alertLanguage)
        ) { call in .json(try Self.language(of: try call.account(), call)) }
        on(
            .put, "accounts/:account/alert-language", "setAlertLanguage",
            "Choose the language that alerts of an account and its sub-accounts are written in, or one contact's",
            access: .wholeAccounts,
            body: .json([
                "language": .choice(AlertLanguage.self),
                "contact": .optional(
                    .email, "Of that contact alone, also when the account's is changed."),
            ]),
            answers: .ok(Documents.alertLanguage), problems: [.unknownContact]
        ) { call in
            let account = try call.account()
            let fields = try await call.fields()
            let language = try fields.required("language", AlertLanguage.init(named:))
            let contact = try fields.optional("contact", EmailAddress.init)
            let action: AlertAction =
                contact.map { .setContactLanguage(account, $0, language) }
                ?? .setLanguage(account, language)
            return try await call.answer(.alerts(action)) {
                try Self.language(of: account, call)
            }
        }
    }

    private static func rule(
        _ kind: AlertKind, of account: AccountID, _ call: Call
    ) throws -> JSON {
        let rules = try call.read { try $0.alertRules(of: account, in: $1) }
        guard let rule = rules.first(where: { $0.kind == kind }) else {
            preconditionFailure("there is a rule of each kind")
        }
        return Documents.alertRule(rule)
    }

    private static func language(of account: AccountID, _ call: Call) throws -> JSON {
        let shown = try call.read { books, transaction in
            (
                language: try books.language(of: account, in: transaction),
                recipients: try books.alertRecipients(of: account, in: transaction)
            )
        }
        return Documents.alertLanguage(shown)
    }
}

extension Call {
    /// Whether alerts of the account, or of the operator, are within reach.
    fileprivate func reachesAlerts(of account: AccountID?) -> Bool {
        account.map(principal.reaches) ?? Access.gateway.admits(principal)
    }
}

/// A kind of alert that accounts have rules of.
struct AccountRule: Choice {
    let kind: AlertKind

    static let allCases = AlertKind.allCases.filter { !$0.isOfNode }.map { Self(kind: $0) }

    var name: String { kind.name }
}

/// What was fired, and to whom it went.
extension Routes {
    mutating func registerAlerts() {
        on(
            .get, "alerts", "listAlerts",
            "What has crossed a threshold, the oldest first, and to whom that was sent",
            access: .wholeAccounts,
            query: [
                Parameter("account", .id(AccountID.self), "Of that account."),
                Parameter("product", .id(ProductKey.self), "Of that product."),
                Parameter("rule", .choice(AlertKind.self), "Of that rule."),
                Parameter("open", .flag, "Only those that are open, or those that are not."),
            ],
            answers: .page(of: Documents.alert)
        ) { call in
            let accounts = call.principal.accounts(
                among: try call.query("account", AccountID.init))
            let product = try call.query("product", ProductKey.init)
            let kind = try call.query("rule", AlertKind.init(named:))
            let isOpen = call.query("open").map { $0 == "true" }
            return try call.list(Documents.alert) {
                try $0.alerts(
                    of: accounts, product: product, kind: kind, isOpen: isOpen, cursor: $1,
                    limit: $2, in: $3)
            }
        }
        on(
            .get, "notifications", "listNotifications",
            "Mail about alerts, the oldest first, and how each is doing", access: .wholeAccounts,
            query: [
                Parameter("account", .id(AccountID.self), "Of that account."),
                Parameter(
                    "delivery", .choice(NotificationState.self), "Only those that are so far."),
            ],
            answers: .page(of: Documents.notification)
        ) { call in
            let accounts = call.principal.accounts(
                among: try call.query("account", AccountID.init))
            let state = try call.query("delivery", NotificationState.init(named:))
            return try call.list(Documents.notification) {
                try $0.notifications(
                    of: accounts, state: state, cursor: $1, limit: $2, in: $3)
            }
        }
        on(
            .post, "notifications/:notification/retry", "retryNotification",
            "Have a mail that was given up sent again", access: .wholeAccounts,
            answers: .ok(Documents.notification), problems: [.notificationNotGivenUp]
        ) { call in
            let id = call.parameter("notification") { UInt64($0) }
            let found = try call.read { try $0.notification(id, in: $1) }
            guard let found, call.reachesAlerts(of: found.record.account) else {
                throw Problem(.alerts(.unknownNotification(id)))
            }
            return try await call.answer(.alerts(.retry(id))) {
                Documents.notification(
                    try call.read(or: .alerts(.unknownNotification(id))) {
                        try $0.notification(id, in: $1)
                    })
            }
        }
        on(
            .post, "alerts/test", "testAlertMail",
            "Send a test mail now, and say what the mail server answers", access: .gateway,
            body: .json(["email": .email]), answers: .ok(Documents.alertTest),
            problems: [.tooMuchAtOnce, .mailNotConfigured], isRemembered: false
        ) { call in
            let email = try await call.fields().required("email", EmailAddress.init)
            guard let slot = call.server.webhookTests.slot(for: call.principal.tenant) else {
                throw Problem(
                    .tooMuchAtOnce, "no more messages can be waited for at once",
                    retryAfterSeconds: 5)
            }
            let outcome = await call.server.alerts.sendTest(to: email)
            withExtendedLifetime(slot) {}
            guard let outcome else { throw Problem(.mailNotConfigured) }
            return .json(Documents.alertTest(outcome))
        }
    }
}
