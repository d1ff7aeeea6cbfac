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
        let ofOpen: Fields = [("account", account), ("open", "true")]
        let open = try await get(
            "listAlerts", [:], ofOpen + [("limit", String(Self.openMaximum))])
        let items = open["items"]?.array ?? []
        var html = card(
            .openAlerts,
            (items.isEmpty
                ? "<p class=\"empty\">\(t(.noOpenAlerts))</p>"
                : table(Array(alertColumns.dropLast(2)), items, title: .openAlerts)
                    + (open.at("cursor") == nil
                        ? HTML()
                        : "<p class=\"pages\"><a href=\"\(ConsoleLink(segments, [("open", "true")]).text)\">\(t(.all))</a></p>"))
                + csvLink("listAlerts", [:], ofOpen))
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

    /// The product, or which packs, or the authority, or the node; of a digest, how many devices of which products, and
    /// some of them.
    private func subject(of alert: JSON) -> HTML {
        let digest = alert.at("devices")?.array ?? []
        guard digest.isEmpty else {
            return HTML(
                digest.map { part in
                    let first = (part.at("first")?.array ?? []).compactMap(\.text)
                    let more = Int64(first.count) < part.number("count") ? " …" : ""
                    let names = first.joined(separator: " ") + more
                    let product = part.text("product")
                    return
                        "<div>\(link(["products", product], [], product)): \(part.number("count").grouped) <small>\(names)</small></div>"
                })
        }
        if alert.at("authority") != nil {
            let name = alert.text("authorityName")
            let id = "<code>\(String(alert.text("authority").prefix(12)))</code>" as HTML
            return name.isEmpty ? id : "\(name) \(id)"
        }
        guard alert.at("node") == nil else { return "<code>\(alert.text("node"))</code>" }
        let product = alert.text("product")
        guard product.isEmpty else {
            let name = alert.text("productName")
            return link(["products", product], [], name.isEmpty ? product : name)
        }
        return "\(t(.topUps)): \(label(alert.text("packs")))"
    }

    /// What is open of the gateway's own, for who may see that; nothing when all is well.
    func gatewayAlerts() async throws -> HTML {
        var items: [JSON] = []
        for kind in AlertKind.allCases where kind.isOfNode {
            let part = try await find("listAlerts", [:], [("rule", kind.name), ("open", "true")])
            items += part?.at("items")?.array ?? []
        }
        guard !items.isEmpty else { return HTML() }
        let columns = alertColumns.enumerated().filter { ![3, 4].contains($0.offset) }
        return card(
            .gatewayAlerts,
            table(columns.map(\.element).dropLast(2), items, title: .gatewayAlerts))
    }

    // MARK: Rules

    private func rules(of account: String) async throws -> HTML {
        let found = try await get("listAlertRules", ["account": account])["items"]?.array ?? []
        var cards = HTML()
        for kind in AlertKind.allCases {
            guard let rule = found.first(where: { $0.text("rule") == kind.name }) else { continue }
            let source = AlertRuleInForce.Source(named: rule.text("source"))
            let isOn = rule.at("on")?.bool == true
            let measure: [(Word, HTML)] =
                switch kind.measure {
                case .share: [(.thresholdPercent, "\(rule.text("percent"))")]
                case .days: [(.withinDays, "\(rule.text("days"))")]
                case .nothing: []
                }
            let lines = facts(
                [
                    (.state, badge(isOn ? "on" : "off")),
                    (.thresholdNumber, "\(rule.number("number").grouped)"),
                ] + measure + [(.source, "\(source.map { t($0.word) } ?? "")")])
            cards += card(
                kind.title(in: language),
                "<p class=\"soft\">\(kind.hint(in: language))</p>\(lines)\(actions(on: rule, of: account))"
            )
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
        case .nothing: break
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
        let addresses = shown.at("languages")?.array ?? []
        var html: HTML = "<ul>"
        for address in addresses {
            let language = AlertLanguage(named: address.text("language"))?.ownName ?? ""
            html += "<li>\(address.text("email")) <small>\(language)</small></li>"
        }
        html += "</ul>"
        if addresses.isEmpty { html = "<p class=\"empty\">\(t(.noRecipients))</p>" }
        if may(ConsolePlace.contacts.operation) {
            html += """
                <p><a href="\(ConsolePlace.contacts.link(of: account).text)">\(t(.contacts))</a></p>
                """
        }
        let languages = AlertLanguage.allCases.map { (value: $0.name, text: $0.ownName) }
        html += form(
            FormSpec(
                operation: "setAlertLanguage", path: path,
                fields: [
                    .init(
                        name: "language", label: .mailLanguage, value: shown.text("language"),
                        options: languages)
                ], submit: .save))
        let contacts = try await find("listContacts", path)?.at("items")?.array ?? []
        if !contacts.isEmpty {
            html += folded(
                .languageOfContact,
                FormSpec(
                    operation: "setAlertLanguage", path: path,
                    fields: [
                        .init(
                            name: "contact", label: .email,
                            options: contacts.map { ($0.text("email"), $0.text("email")) }),
                        .init(name: "language", label: .languageName, options: languages),
                    ],
                    // Tells it apart from the one above.
                    fixed: [("_of", "contact")], submit: .save))
        }
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

        /// Nothing: devices are counted.
        case nothing
    }

    var measure: Measure {
        switch self {
        case .codesLow, .packsLow: .share
        case .nearExpiry, .authorityEnding, .revocationListDue: .days
        case .refusedForCode, .atDailyLimit, .certificateEnding, .backupOld: .nothing
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
