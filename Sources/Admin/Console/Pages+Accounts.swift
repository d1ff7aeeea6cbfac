import Gateway
import Ledger
import Time

/// Pages of accounts: what they own, and what is left of it.
extension ConsoleRequest {
    func accountsPage() async throws -> ConsolePage {
        var page = ConsolePage(title: t(.accounts), place: .accounts)
        page.body = folded(
            .createAccount,
            FormSpec(
                operation: "createAccount",
                fields: [
                    .init(name: "name", label: .name), .init(name: "kind", label: .kind),
                    .init(name: "id", label: .identifier, hint: .madeWhenEmpty),
                    .init(name: "parent", label: .parentAccount),
                    .init(name: "email", label: .email),
                ], submit: .create, look: .primary))
        page.body += try await list(
            ListSpec(
                operation: "listAccounts", columns: accountColumns, title: .accounts))
        return page
    }

    private var accountColumns: [Column] {
        [
            Column(title: .name) { link(["accounts", $0.text("id")], [], $0.text("name")) },
            code(.identifier, "id"), named(.kind, "kind"), column(.parentAccount, "parent"),
            number(.total, "codes.total"), number(.used, "codes.used"),
            number(.remaining, "codes.remaining"), number(.unassigned, "codes.unassigned"),
        ]
    }

    /// What a page of an account begins with.
    func page(of account: JSON, _ place: ConsolePlace) -> ConsolePage {
        let id = account.text("id")
        var page = ConsolePage(
            title: place == .overview ? account.text("name") : t(place.title), place: place,
            account: id)
        if may("listAccounts") {
            page.crumbs.append((t(.accounts), ConsoleLink(["accounts"])))
        }
        if place != .overview {
            page.crumbs.append((account.text("name"), ConsoleLink(["accounts", id])))
        }
        return page
    }

    func accountPage(_ id: String, _ rest: [String]) async throws -> ConsolePage? {
        // A sub-account keeps the contacts of its parent, whose other pages it can't see.
        if rest == ["contacts"] { return try await contactsPage(id) }
        let account = try await get("showAccount", ["account": id])
        switch rest {
        case []: return try await overviewPage(account)
        case ["codes"]: return try await codesPage(account)
        case ["assignments"]: return try await assignmentsPage(account)
        case ["alerts"]: return try await alertsPage(account, nil)
        case ["alerts", "rules"], ["alerts", "mail"]:
            return try await alertsPage(account, rest[1])
        case ["authorities"]: return try await authoritiesPage(account)
        case ["report"]: return try await reportPage(account)
        case ["purchases"]: return try await purchasesPage(account)
        case ["top-ups"]: return try await topUpsPage(account, isChanges: false)
        case ["top-ups", "changes"]: return try await topUpsPage(account, isChanges: true)
        default: return nil
        }
    }

    /// How many products an overview has cards of.
    private static let cardsMaximum = 20

    private func overviewPage(_ account: JSON) async throws -> ConsolePage {
        let id = account.text("id")
        var page = page(of: account, .overview)
        // As many as an account may have, and more than that.
        let products = try await all("listProducts", [:], [("account", id)], parts: 10).items
        let devices = { (name: String) in
            products.reduce(0) { $0 + $1.number("devices.\(name)") }
        }
        let keys = products.map { $0.text("pk") }
        let items = try await usage(of: id, keys)
        let days = Self.messagesByDay(items)
        let today = Day(of: server.controlPlane.now, at: server.dayOffset)
        let view = { (link: ConsoleLink) -> HTML in "<a href=\"\(link.text)\">\(t(.view))</a>" }
        var figures = HTML()
        figures += figure(.total, account.number("codes.total"))
        figures += figure(.used, account.number("codes.used"))
        figures += figure(.remaining, account.number("codes.remaining"))
        figures += figure(
            .unassignedCodes, account.number("codes.unassigned"),
            view(ConsolePlace.codes.link(of: id)))
        figures += figure(
            .nearExpiryDevices, account.number("nearExpiry"),
            view(ConsolePlace.nearExpiry.link(of: id)))
        figures += figure(.devices, devices("known"))
        figures += figure(.activatedDevices, devices("active"))
        figures += figure(.onlineDevices, devices("online"))
        figures += figure(.messagesToday, days.last { $0.name == "\(today)" }?.value ?? 0)
        page.body = "<dl class=\"figures\">\(figures)</dl>"
        if may(ConsolePlace.report.operation) {
            page.body += """
                <p class="pages"><a href="\(ConsolePlace.report.link(of: id).text)">\(t(.report))</a></p>
                """
        }
        page.body += cards(products, account: id)
        var charts = try await onlineByDay("listAccountOnline", ["account": id])
        charts += card(
            .messagesByDay,
            bars(.messagesByDay, .day, days) + missing(items)
                + csvLink("listAccountUsage", ["account": id]))
        charts += card(
            .refusalsByReason,
            bars(.refusalsByReason, .reason, try await refusals(of: Set(keys))))
        page.body += "<div class=\"pair\">\(charts)</div>"
        let parts = try await get("listSubAccounts", ["account": id])["items"]?.array ?? []
        if !parts.isEmpty {
            page.body += card(
                .subAccounts,
                table(accountColumns, parts, title: .subAccounts)
                    + csvLink("listSubAccounts", ["account": id]))
        }
        page.body += card(.account, aboutAccount(account))
        page.body += metadata(of: account, "updateAccountMetadata", ["account": id])
        return page
    }

    private func aboutAccount(_ account: JSON) -> HTML {
        let path = ["account": account.text("id")]
        var html = facts([
            (.identifier, "<code>\(account.text("id"))</code>"),
            (.kind, badge(account.text("kind"))),
            (.parentAccount, "\(account.text("parent"))"), (.email, "\(account.text("email"))"),
            (.dataCentre, "\(account.text("dataCentre"))"),
            (.createdAt, time(account.text("createdAt"))),
        ])
        html += folded(
            .change,
            FormSpec(
                operation: "updateAccount", path: path,
                fields: [
                    .init(name: "name", label: .name, value: account.text("name")),
                    .init(name: "email", label: .email, value: account.text("email")),
                ], submit: .save))
        if account.at("kind")?.text == "individual", account.at("parent") == nil {
            html += folded(
                .certify, FormSpec(operation: "certifyAccount", path: path, submit: .certify))
        }
        if account.at("parent") == nil {
            html += folded(
                .createSubAccount,
                FormSpec(
                    operation: "createSubAccount", path: path,
                    fields: [
                        .init(name: "name", label: .name), .init(name: "email", label: .email),
                        .init(name: "id", label: .identifier, hint: .madeWhenEmpty),
                    ], submit: .create))
        }
        return html
    }

    /// Each product with its codes, as the origin's cards have them.
    private func cards(_ products: [JSON], account: String) -> HTML {
        var html = HTML()
        for product in products.prefix(Self.cardsMaximum) {
            let pk = product.text("pk")
            html += """
                <li><a href="\(ConsoleLink(["products", pk]).text)"><strong>\(product.text("name"))</strong><code>\(pk)</code></a>
                <dl><div><dt>\(t(.total))</dt><dd>\(grouped(product.number("codes.assigned")))</dd></div>
                <div><dt>\(t(.remaining))</dt><dd>\(grouped(product.number("codes.remaining")))</dd></div>
                <div><dt>\(t(.online))</dt><dd>\(grouped(product.number("devices.online")))</dd></div></dl></li>
                """
        }
        guard !html.isEmpty else { return html }
        return """
            <section><h2>\(t(.products))</h2><ul class="cards">\(html)</ul><p class="pages"><a href="\(ConsolePlace.products.link(of: account).text)">\(t(.allProducts)) (\(String(products.count)))</a></p></section>
            """
    }

    /// The days of an account, of 31; of these products each for a key that may not ask for the account's.
    private func usage(of account: String, _ products: [String]) async throws -> [JSON] {
        if may("listAccountUsage") {
            return try await all("listAccountUsage", ["account": account]).items
        }
        var items: [JSON] = []
        for product in products {
            items += try await get("listProductUsage", ["pk": product])["items"]?.array ?? []
        }
        return items
    }

    private static func messagesByDay(_ items: [JSON]) -> [(name: String, value: Int64)] {
        var sums: [String: Int64] = [:]
        for day in items {
            sums[day.text("day"), default: 0] += day.number("used") + day.number("topUp")
        }
        return sums.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// Why devices of these products were refused or left since this gateway's start, the most frequent reasons first.
    private func refusals(of products: Set<String>) async throws -> [(name: String, value: Int64)] {
        var sums: [String: Int64] = [:]
        for line in try await samples(of: "tollgate_product_connections_ended_total") {
            guard products.contains(line.labels["product"] ?? ""), line.value > 0 else { continue }
            sums[line.labels["reason"] ?? "", default: 0] += line.value
        }
        return sums.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(12).map {
            (label(ofReason: $0.key), $0.value)
        }
    }

    /// The samples of a metric with labels, which the page of metrics has.
    func samples(of metric: String) async throws -> [(labels: [String: String], value: Int64)] {
        let text = String(decoding: try await answer(of: "showMetrics", [:]).bytes(), as: UTF8.self)
        return text.split(separator: "\n").filter { $0.hasPrefix("\(metric){") }.map { line in
            var labels: [String: String] = [:]
            let list = line.drop { $0 != "{" }.dropFirst().prefix { $0 != "}" }
            for pair in list.split(separator: ",") {
                let parts = pair.split(separator: "=", maxSplits: 1)
                labels[String(parts[0])] = parts.last.map { $0.filter { $0 != "\"" } }
            }
            let value = line.split(separator: " ").last.flatMap { Double($0) } ?? 0
            return (labels, Int64(value))
        }
    }

    /// The packages by their ids, with what they allow.
    func packages() async throws -> [(id: String, text: String)] {
        try await all("listPackages").items.map { ($0.text("id"), allowance(of: $0)) }
    }

    /// `free: 365 days, 1,500 messages a day, 1 OTA a month, stored for 7 days`
    func allowance(of package: JSON) -> String {
        let messages =
            package.at("messagesPerDay") == nil
            ? t(.noLimit) : grouped(package.number("messagesPerDay"))
        return [
            "\(package.number("validityDays")) \(t(.days))", "\(messages) \(t(.messagesADay))",
            "\(package.number("otaPerMonth")) \(t(.otaAMonth))",
            "\(t(.storedFor)) \(package.number("storageDays")) \(t(.days))",
        ].joined(separator: ", ")
    }
}

/// Codes of an account.
extension ConsoleRequest {
    private func codesPage(_ account: JSON) async throws -> ConsolePage {
        let id = account.text("id")
        var page = page(of: account, .codes)
        let packages = try await packages()
        let allowances = Dictionary(packages.map { ($0.id, $0.text) }) { first, _ in first }
        var figures = figure(.total, account.number("codes.total"))
        figures += figure(.used, account.number("codes.used"))
        figures += figure(.remaining, account.number("codes.remaining"))
        figures += figure(.unassignedCodes, account.number("codes.unassigned"))
        page.body = "<dl class=\"figures\">\(figures)</dl>"
        let holdings = account.at("packages")?.array ?? []
        page.body += card(
            .unassignedCodes,
            holdings.isEmpty
                ? "<p class=\"empty\">\(t(.nothingHere))</p>"
                : table(
                    [
                        code(.package, "package"),
                        Column(title: .packageAllowance) {
                            "\(allowances[$0.text("package")] ?? "")"
                        },
                        number(.bought, "bought"), number(.granted, "granted"),
                        number(.assigned, "assigned"), number(.unassigned, "unassigned"),
                    ], holdings, title: .unassignedCodes))
        page.body += card(.assignCodes, try await assignment(id, product: nil))
        page.body += folded(
            .buyCodes,
            FormSpec(
                operation: "buyCodes", path: ["account": id],
                fields: [
                    .init(
                        name: "package", label: .package,
                        options: packages.map { ($0.id, "\($0.id): \($0.text)") }),
                    .init(name: "quantity", label: .quantity),
                    .init(name: "product", label: .pk, hint: .assignedAtOnce),
                ], submit: .buyCodes))
        return page
    }

    /// First the product is chosen, then the page says how many codes it can get (rule A6).
    func assignment(_ account: String, product: String?) async throws -> HTML {
        guard may("assignCodes") else { return HTML() }
        var html: HTML = "<p class=\"soft\">\(t(.assignmentIsFinal))</p>"
        let chosen = product ?? asked("assign")
        if product == nil {
            let products = try await all("listProducts", [:], [("account", account)]).items
            html +=
                "<form method=\"get\" class=\"filters\" data-live><div class=\"field\"><label for=\"assign\">\(t(.product))</label><select id=\"assign\" name=\"assign\"><option value=\"\"></option>"
            for item in products {
                let mark: HTML = item.text("pk") == chosen ? " selected" : ""
                html +=
                    "<option value=\"\(item.text("pk"))\"\(mark)>\(item.text("name")) (\(item.text("pk")))</option>"
            }
            html +=
                "</select></div><div class=\"field\"><button>\(t(.choose))</button></div></form>"
        }
        guard let chosen else { return html }
        let found: JSON
        do {
            found = try await get(
                "showAssignable", ["account": account], [("product", chosen)])
        } catch let problem as Problem {
            return html + alert(problem)
        }
        html += """
            <p>\(t(.assignableAtMost)) <strong data-maximum>\(grouped(found.number("quantity")))</strong></p>
            """
        var fields: [FormSpec.Field] = [.init(name: "quantity", label: .quantity)]
        let packages = found.at("packages")?.array ?? []
        // The first codes of a product decide which package it has.
        if try await get("showProduct", ["pk": chosen]).at("package") == nil {
            let options = packages.map { item in
                (
                    item.text("package"),
                    "\(item.text("package")): \(grouped(item.number("quantity")))"
                )
            }
            fields.append(.init(name: "package", label: .package, options: options))
        }
        return html
            + form(
                FormSpec(
                    operation: "assignCodes", path: ["account": account], fields: fields,
                    fixed: [("product", chosen)], submit: .confirm, look: .primary))
    }

    private func assignmentsPage(_ account: JSON) async throws -> ConsolePage {
        var page = page(of: account, .assignments)
        page.body = try await list(
            ListSpec(
                operation: "listAssignments", path: ["account": account.text("id")],
                filters: [("product", .productNameOrPK)],
                columns: [
                    time(.at, "at"), column(.productName, "productName"),
                    Column(title: .pk) {
                        link(["products", $0.text("product")], [], $0.text("product"))
                    },
                    code(.package, "package"), number(.quantity, "quantity"),
                    column(.actor, "actor"),
                    voided("assignment-voided") { [("product", $0.text("product"))] },
                    correction(
                        "voidAssignment", .takeBack, of: account.text("id"),
                        as: ("assignment", "sequence"), of: "quantity", gone: ["voided"]),
                ], title: .assignmentHistory))
        return page
    }

    private func purchasesPage(_ account: JSON) async throws -> ConsolePage {
        var page = page(of: account, .purchases)
        page.body = try await list(
            ListSpec(
                operation: "listPurchases", path: ["account": account.text("id")],
                columns: [
                    time(.at, "at"), named(.source, "source"), code(.package, "package"),
                    number(.quantity, "quantity"),
                    Column(title: .pk) { item in
                        item.at("product") == nil
                            ? HTML()
                            : link(["products", item.text("product")], [], item.text("product"))
                    },
                    code(.firstCode, "firstCode"), column(.actor, "actor"),
                    voided("purchase-voided") { _ in [("account", account.text("id"))] },
                    correction(
                        "voidPurchase", .voidRest, of: account.text("id"),
                        as: ("code", "firstCode"), of: "quantity", gone: ["voided"]),
                ], title: .purchases))
        return page
    }

    /// How many of a row are void, with a link to the events that say by whom, when and why, for those who may see them.
    private func voided(_ change: String, _ subject: @escaping (JSON) -> Fields) -> Column {
        Column(title: .voided, isNumber: true) { row in
            let count = row.number("voided")
            guard count > 0, may(ConsolePlace.events.operation) else {
                return "\(grouped(count))"
            }
            return link(["events"], [("change", change)] + subject(row), grouped(count))
        }
    }

    /// Rule A11: what is left of a row's quantity can be voided, by the owner; whether any of it is, the books say.
    func correction(
        _ operation: String, _ title: Word, of account: String,
        as name: (parameter: String, member: String), of quantity: String, gone: [String]
    ) -> Column {
        Column(title: .actions) { row in
            guard row.number(quantity) > gone.reduce(0, { $0 + row.number($1) }) else {
                return HTML()
            }
            return folded(
                title,
                FormSpec(
                    operation: operation,
                    path: ["account": account, name.parameter: row.text(name.member)],
                    fields: [.init(name: "cause", label: .cause)], submit: title, look: .danger))
        }
    }

    /// Rule B11. The switch of a device can't be turned while its product's is off (rule B6).
    func nearExpiryPage() async throws -> ConsolePage {
        var page = ConsolePage(
            title: t(.nearExpiryDevices), place: .nearExpiry, account: asked("account"))
        let rows = try await nearExpiryRenewals()
        page.body = "<p class=\"soft\">\(t(.nearExpiryHint))</p>"
        page.body += try await list(
            ListSpec(
                operation: "listNearExpiry",
                filters: [
                    ("productName", .productName), ("product", .pk), ("device", .dk),
                    ("activatedFrom", .activatedFrom), ("activatedTo", .activatedTo),
                    ("expiresFrom", .expiresFrom), ("expiresTo", .expiresTo),
                    ("account", .account),
                ],
                columns: [
                    column(.productName, "productName"),
                    Column(title: .pk) {
                        link(["products", $0.text("pk"), "settings"], [], $0.text("pk"))
                    },
                    Column(title: .dk) {
                        link(
                            ["products", $0.text("pk"), "devices", $0.text("dk")], [], $0.text("dk")
                        )
                    },
                    time(.activatedAt, "activatedAt"), time(.expiresAt, "expiresAt"),
                    Column(title: .autoRenewal) {
                        renewalSwitch($0, isOnForProduct: rows[$0.text("pk")] ?? true)
                    },
                ], title: .nearExpiryDevices))
        return page
    }

    /// Whether automatic renewal is on for each product of the page.
    private func nearExpiryRenewals() async throws -> [String: Bool] {
        let names = Set(Console.route("listNearExpiry").operation.query.map(\.name))
        let asked = query.filter { names.contains($0.name) && !$0.value.isEmpty }
        var renewals: [String: Bool] = [:]
        do {
            for row in try await get("listNearExpiry", [:], asked)["items"]?.array ?? [] {
                let pk = row.text("pk")
                guard renewals[pk] == nil else { continue }
                renewals[pk] = try await get("showProduct", ["pk": pk]).at("autoRenewal")?.bool
            }
        } catch is Problem {
            // The list itself says what is wrong with the search.
            return [:]
        }
        return renewals
    }

    func renewalSwitch(_ device: JSON, isOnForProduct: Bool) -> HTML {
        let isOn = device.at("autoRenewal")?.bool ?? false
        guard isOnForProduct else {
            return
                "<button type=\"button\" class=\"switch\" disabled title=\"\(t(.renewalIsOff))\">\(t(.off))</button> <small>\(t(.renewalIsOff))</small>"
        }
        let state = badge(isOn ? "on" : "off")
        return state
            + form(
                FormSpec(
                    operation: "setDeviceRenewal",
                    path: ["pk": device.text("pk"), "dk": device.text("dk")],
                    fixed: [("autoRenewal", isOn ? "false" : "true")],
                    submit: isOn ? .turnOff : .turnOn, look: .row))
    }
}
