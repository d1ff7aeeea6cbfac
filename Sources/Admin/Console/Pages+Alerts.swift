import Gateway
import Ledger

/// Alerts of an account: what fired, the rules and who is told, and the mail.
extension ConsoleRequest {
    func alertsPage(_ account: JSON, _ part: String?) async throws -> ConsolePage? {
        let id = account.text("id")
        var page = page(of: account, .alerts)
        let place = ["accounts", id, "alerts"]
        page.tabs = [
            (.whatFired, ConsoleLink(place), part == nil),
            (.rulesAndRecipients, ConsoleLink(place + ["rules"]), part == "rules"),
            (.mail, ConsoleLink(place + ["mail"]), part == "mail"),
        ]
        switch part {
        case nil: page.body = try await alerts(of: id)
        case "rules": page.body = try await rules(of: id) + recipients(of: id)
        case "mail": page.body = try await mail(of: id)
        default: return nil
        }
        return page
    }

    // MARK: What fired

    /// How many open ones are shown above the others.
    private static let openMaximum = 100

    private func alerts(of account: String) async throws -> HTML {
        let open = try await get(
            "listAlerts", [:],
            [("account", account), ("open", "true"), ("limit", String(Self.openMaximum))])
        let items = open["items"]?.array ?? []
        var html = card(
            .openAlerts,
            items.isEmpty
                ? "<p class=\"empty\">\(t(.noOpenAlerts))</p>"
                : table(Array(alertColumns.dropLast(2)), items, title: .openAlerts))
        html += "<h2>\(t(.whatFired))</h2>"
        return html
            + (try await list(
                ListSpec(
                    operation: "listAlerts", fixed: [("account", account)],
                    filters: [("open", .openAlerts), ("rule", .rule), ("product", .pk)],
                    columns: alertColumns, title: .whatFired)))
    }

    private var alertColumns: [Column] {
        [
            time(.firedAt, "firedAt"),
            Column(title: .rule) { "\(label($0.text("rule")))" },
            Column(title: .product) { subject(of: $0) },
            number(.value, "value"), number(.threshold, "threshold"),
            Column(title: .sentTo) { alert in
                HTML(
                    (alert.at("sentTo")?.array ?? []).map { mail in
                        "<div>\(mail.text("email")) \(badge(mail.text("delivery")))</div>"
                    })
            },
            time(.resolvedAt, "resolvedAt"), number(.valueThen, "resolvedValue"),
        ]
    }

    /// The product, or which packs.
    private func subject(of alert: JSON) -> HTML {
        let product = alert.text("product")
        guard product.isEmpty else {
            let name = alert.text("productName")
            return link(["products", product], [], name.isEmpty ? product : name)
        }
        return "\(t(.topUps)): \(label(alert.text("packs")))"
    }

    // MARK: Rules

    private func rules(of account: String) async throws -> HTML {
        let found = try await get("listAlertRules", ["account": account])["items"]?.array ?? []
        var cards = HTML()
        for kind in AlertKind.allCases {
            guard let rule = found.first(where: { $0.text("rule") == kind.name }) else { continue }
            let source = AlertRuleInForce.Source(named: rule.text("source"))
            let isOn = rule.at("on")?.bool == true
            let measure: (Word, HTML) =
                switch kind.measure {
                case .share: (.thresholdPercent, "\(rule.text("percent"))")
                case .days: (.withinDays, "\(rule.text("days"))")
                }
            let lines = facts([
                (.state, badge(isOn ? "on" : "off")),
                (.thresholdNumber, "\(rule.number("number").grouped)"), measure,
                (.source, "\(source.map { t($0.word) } ?? "")"),
            ])
            cards += card(
                kind.word,
                "<p class=\"soft\">\(t(kind.hint))</p>\(lines)\(actions(on: rule, of: account))")
        }
        return """
            <p class="soft">\(t(.alertRulesHint))</p><div class="pair">\(cards)</div>
            """
    }

    private func actions(on rule: JSON, of account: String) -> HTML {
        guard let kind = AlertKind(named: rule.text("rule")) else { return HTML() }
        let path = ["account": account, "rule": kind.name]
        var fields: [FormSpec.Field] = [
            .init(name: "number", label: .thresholdNumber, value: rule.text("number"))
        ]
        switch kind.measure {
        case .share:
            fields.append(
                .init(name: "percent", label: .thresholdPercent, value: rule.text("percent")))
        case .days:
            fields.append(.init(name: "days", label: .withinDays, value: rule.text("days")))
        }
        fields.append(.init(name: "on", label: .ruleIsOn, value: rule.text("on")))
        var html = folded(
            .change,
            FormSpec(operation: "setAlertRule", path: path, fields: fields, submit: .save))
        // There is nothing to be reset of what is another's.
        switch AlertRuleInForce.Source(named: rule.text("source")) {
        case .account:
            html += form(
                FormSpec(operation: "resetAlertRule", path: path, submit: .resetRule, look: .row))
        case .parent, .configuration, nil: break
        }
        return html
    }

    private func recipients(of account: String) async throws -> HTML {
        let path = ["account": account]
        let shown = try await get("showAlertLanguage", path)
        let addresses = (shown.at("recipients")?.array ?? []).compactMap(\.text)
        var html: HTML = "<ul>"
        for address in addresses { html += "<li>\(address)</li>" }
        html += "</ul>"
        if addresses.isEmpty { html = "<p class=\"empty\">\(t(.noRecipients))</p>" }
        if may(ConsolePlace.contacts.operation) {
            html += """
                <p><a href="\(ConsolePlace.contacts.link(of: account).text)">\(t(.contacts))</a></p>
                """
        }
        html += form(
            FormSpec(
                operation: "setAlertLanguage", path: path,
                fields: [
                    .init(
                        name: "language", label: .mailLanguage, value: shown.text("language"),
                        options: AlertLanguage.allCases.map { ($0.name, $0.ownName) })
                ], submit: .save))
        let test = form(
            FormSpec(
                operation: "testAlertMail",
                fields: [.init(name: "email", label: .email, hint: .testMailHint)], submit: .test))
        return "<div class=\"pair\">\(card(.recipients, html))\(card(.testMail, test))</div>"
    }

    // MARK: Mail

    private func mail(of account: String) async throws -> HTML {
        try await list(
            ListSpec(
                operation: "listNotifications", fixed: [("account", account)],
                filters: [("delivery", .state)],
                columns: [
                    time(.createdAt, "createdAt"), column(.email, "email"),
                    Column(title: .whatHappened) {
                        "\(t($0.at("resolution")?.bool == true ? .resolved : .fired))"
                    },
                    named(.state, "delivery"), number(.attempts, "attempts"),
                    time(.retryAt, "nextAt"), number(.status, "status"),
                    column(.answer, "answer"), time(.finishedAt, "endedAt"),
                    Column(title: .actions) { mail in
                        switch NotificationState(named: mail.text("delivery")) {
                        case .givenUp:
                            form(
                                FormSpec(
                                    operation: "retryNotification",
                                    path: ["notification": mail.text("id")], submit: .sendAgain,
                                    look: .row))
                        case .waiting, .underWay, .sent, nil: HTML()
                        }
                    },
                ], title: .mail))
    }
}

/// What the pages say of each kind of alert.
extension AlertKind {
    /// What its threshold is besides a number.
    enum Measure {
        /// A percentage of a whole.
        case share

        /// A time before an end.
        case days
    }

    var measure: Measure {
        switch self {
        case .codesLow, .packsLow: .share
        case .nearExpiry: .days
        }
    }

    var word: Word {
        switch self {
        case .codesLow: .alertCodesLow
        case .nearExpiry: .alertNearExpiry
        case .packsLow: .alertPacksLow
        }
    }

    var hint: Word {
        switch self {
        case .codesLow: .alertCodesLowHint
        case .nearExpiry: .alertNearExpiryHint
        case .packsLow: .alertPacksLowHint
        }
    }
}

extension AlertRuleInForce.Source {
    fileprivate var word: Word {
        switch self {
        case .account: .sourceAccount
        case .parent: .sourceParent
        case .configuration: .sourceConfiguration
        }
    }
}

extension AlertLanguage {
    /// As in the switch of the pages' own.
    fileprivate var ownName: String {
        switch self {
        case .english: Language.english.name
        case .chinese: Language.chinese.name
        }
    }
}
