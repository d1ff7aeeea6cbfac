import Gateway
import Ledger

/// Pages of products.
extension ConsoleRequest {
    func productsPage() async throws -> ConsolePage {
        let account = asked("account")
        var page = ConsolePage(title: t(.products), place: .products, account: account)
        let packages = may("createProduct") && principal.isOperator ? try await packages() : []
        var fields: [FormSpec.Field] = [.init(name: "name", label: .name)]
        if account == nil, principal.account == nil {
            fields.append(.init(name: "account", label: .account))
        }
        fields.append(.init(name: "pk", label: .pk, hint: .madeWhenEmpty))
        fields.append(.init(name: "registration", label: .registration))
        if !packages.isEmpty {
            fields.append(
                .init(
                    name: "package", label: .package,
                    options: [("", "")] + packages.map { ($0.id, "\($0.id): \($0.text)") }))
        }
        let owner = account ?? principal.account?.text
        page.body = folded(
            .createProduct,
            FormSpec(
                operation: "createProduct", fields: fields,
                fixed: owner.map { [("account", $0)] } ?? [], submit: .create, look: .primary))
        let allowances = Dictionary(try await self.packages().map { ($0.id, $0.text) }) {
            first, _ in first
        }
        page.body += try await list(
            ListSpec(
                operation: "listProducts",
                filters: [("name", .productName), ("metadata", .metadataFilter)]
                    + (principal.account == nil ? [("account", .account)] : []),
                columns: [
                    Column(title: .productName) {
                        link(["products", $0.text("pk")], [], $0.text("name"))
                    },
                    code(.pk, "pk"), column(.account, "account"),
                    number(.activationCodes, "codes.assigned"), number(.consumed, "codes.consumed"),
                    number(.remaining, "codes.remaining"),
                    Column(title: .packageAllowance) { item in
                        item.at("package") == nil
                            ? HTML()
                            : "<span title=\"\(item.text("package"))\">\(allowances[item.text("package")] ?? item.text("package"))</span>"
                    },
                    number(.devices, "devices.known"), number(.activatedDevices, "devices.active"),
                    number(.onlineDevices, "devices.online"),
                    Column(title: .actions) {
                        link(["products", $0.text("pk"), "codes"], [], t(.details))
                    },
                ], title: .productCodes))
        return page
    }

    func productPage(_ pk: String, _ rest: [String]) async throws -> ConsolePage? {
        let product = try await get("showProduct", ["pk": pk])
        let tab = rest.first ?? "devices"
        let tabs: [(Word, String)] = [
            (.devices, ""), (.consumedCodes, "codes"), (.usage, "usage"),
            (.importTitle, "import"), (.firmware, "firmware"), (.campaigns, "campaigns"),
            (.howDevicesConnect, "connecting"), (.productConfiguration, "settings"),
        ]
        let isCampaign = tab == "campaigns" && rest.count == 2
        guard rest.count < 2 || isCampaign,
            tab == "devices" || tabs.contains(where: { $0.1 == tab })
        else { return nil }
        var page = ConsolePage(
            title: product.text("name"), place: .products, account: product.text("account"))
        page.crumbs = [
            (t(.products), ConsoleLink(["products"], [("account", product.text("account"))])),
            (pk, ConsoleLink(["products", pk])),
        ]
        page.tabs = self.tabs(["products", pk], tab == "devices" ? "" : tab, tabs)
        if isCampaign {
            page.title = rest[1]
            page.crumbs.append((t(.campaigns), ConsoleLink(["products", pk, "campaigns"])))
            page.body = try await campaign(pk, rest[1])
            return page
        }
        var figures = figure(.activationCodes, product.number("codes.assigned"))
        figures += figure(.consumed, product.number("codes.consumed"))
        figures += figure(.remaining, product.number("codes.remaining"))
        figures += figure(.devices, product.number("devices.known"))
        figures += figure(.activatedDevices, product.number("devices.active"))
        figures += figure(.onlineDevices, product.number("devices.online"))
        page.body = "<dl class=\"figures\">\(figures)</dl>\(weakProofs(of: product))"
        switch tab {
        case "codes": page.body += try await productCodes(product)
        case "usage": page.body += try await productUsage(pk)
        case "import": page.body += try await productImport(pk)
        case "firmware": page.body += try await productFirmware(pk)
        case "campaigns": page.body += try await productCampaigns(pk)
        case "connecting": page.body += try await productConnecting(product)
        case "settings": page.body += try await productSettings(product)
        default: page.body += try await productDevices(pk)
        }
        return page
    }

    private func productDevices(_ pk: String) async throws -> HTML {
        try await list(
            ListSpec(
                operation: "listDevices", path: ["pk": pk],
                filters: [
                    ("like", .keyOrName), ("state", .state), ("online", .online),
                    ("metadata", .metadataFilter),
                ],
                columns: [
                    Column(title: .dk) {
                        link(["products", pk, "devices", $0.text("dk")], [], $0.text("dk"))
                    },
                    column(.name, "name"), named(.state, "state"),
                    Column(title: .online) {
                        badge($0.at("online")?.bool == true ? "online" : "offline")
                    },
                    time(.activatedAt, "activatedAt"), time(.expiresAt, "expiresAt"),
                    number(.codesConsumed, "codesConsumed"), time(.lastSeen, "lastSeenAt"),
                    Column(title: .lastRefusal) {
                        "\(label(ofReason: $0.text("lastRefusal.reason")))"
                    },
                ], title: .devices))
    }

    private func productCodes(_ product: JSON) async throws -> HTML {
        let pk = product.text("pk")
        var html = card(
            .assignCodes, try await assignment(product.text("account"), product: pk))
        if may("upgradePackage") {
            html += folded(
                .upgradePackage,
                FormSpec(
                    operation: "upgradePackage", path: ["pk": pk],
                    fields: [
                        .init(
                            name: "package", label: .package, value: product.text("package"),
                            options: try await packages().map { ($0.id, "\($0.id): \($0.text)") },
                            hint: .upgradeHint)
                    ], submit: .upgradePackage))
        }
        return html
            + (try await list(
                ListSpec(
                    operation: "listCodes", path: ["pk": pk],
                    filters: [
                        ("device", .dk), ("activatedFrom", .activatedFrom),
                        ("activatedTo", .activatedTo), ("expiresFrom", .expiresFrom),
                        ("expiresTo", .expiresTo),
                    ],
                    columns: [
                        Column(title: .dk) {
                            link(["products", pk, "devices", $0.text("dk")], [], $0.text("dk"))
                        },
                        code(.activationCode, "code"), number(.number, "number"),
                        time(.activatedAt, "activatedAt"), time(.expiresAt, "expiresAt"),
                        named(.cause, "cause"), column(.dataCentre, "dataCentre"),
                        Column(title: .actions) {
                            link(
                                ["products", pk, "devices", $0.text("dk"), "history"], [],
                                t(.activationHistory))
                        },
                    ], title: .consumedCodes)))
    }

    private func productUsage(_ pk: String) async throws -> HTML {
        let days = try await all("listProductUsage", ["pk": pk]).items
        let chart = bars(
            .messagesByDay, .day,
            days.map { ($0.text("day"), $0.number("used") + $0.number("topUp")) })
        var html = try await onlineByDay("listProductOnline", ["pk": pk])
        html += try await onlineByHour("listProductOnline", ["pk": pk])
        html += card(.messagesByDay, chart)
        return "<div class=\"pair\">\(html)</div>"
            + (try await list(
                ListSpec(
                    operation: "listProductUsage", path: ["pk": pk],
                    filters: [("from", .from), ("to", .to)],
                    columns: [
                        column(.day, "day"), number(.messages, "used"),
                        number(.topUpsUsed, "topUp"),
                    ], title: .usage)))
    }

    private func productImport(_ pk: String) async throws -> HTML {
        var html = HTML()
        if may("importDevices") {
            html = card(
                .importTitle,
                "<p class=\"soft\">\(t(.importHint))</p><pre>dk,secret,name\nlamp-1,,Hall left\nlamp-2,,Hall right</pre>"
                    + form(
                        FormSpec(
                            operation: "importDevices", path: ["pk": pk], submit: .importTitle,
                            look: .primary,
                            upload: .init(
                                label: .csvFile, types: ".csv,text/csv",
                                maximum: server.configuration.admin.requestSizeBytes))))
        }
        return html
            + (try await list(
                ListSpec(
                    operation: "listImports", path: ["pk": pk],
                    columns: [
                        code(.identifier, "id"), named(.state, "state"), number(.rows, "rows"),
                        number(.landed, "landed"), column(.actor, "actor"),
                        time(.beganAt, "beganAt"),
                        time(.at, "at"),
                    ], title: .largeImports)))
    }
}

/// How a product is configured.
extension ConsoleRequest {
    private func productSettings(_ product: JSON) async throws -> HTML {
        let pk = product.text("pk")
        let isOn = product.at("autoRenewal")?.bool ?? false
        var renewal: HTML =
            "<p>\(badge(isOn ? "on" : "off")) \(t(isOn ? .renewalOnHint : .renewalOffHint))</p>"
        renewal += form(
            FormSpec(
                operation: "updateProduct", path: ["pk": pk],
                fixed: [("autoRenewal", isOn ? "false" : "true")],
                submit: isOn ? .turnOffRenewal : .turnOnRenewal))
        renewal += "<h3>\(t(.blacklist))</h3><p class=\"soft\">\(t(.blacklistHint))</p>"
        renewal += form(
            FormSpec(
                operation: "setDeviceRenewal", path: ["pk": pk],
                fields: [.init(name: "p.dk", label: .dk)], fixed: [("autoRenewal", "false")],
                submit: .addToBlacklist))
        renewal += try await list(
            ListSpec(
                operation: "listBlacklist", path: ["pk": pk],
                columns: [
                    Column(title: .dk) {
                        link(["products", pk, "devices", $0.text("dk")], [], $0.text("dk"))
                    },
                    column(.name, "name"), time(.expiresAt, "expiresAt"),
                    Column(title: .actions) { device in
                        form(
                            FormSpec(
                                operation: "setDeviceRenewal",
                                path: ["pk": pk, "dk": device.text("dk")],
                                fixed: [("autoRenewal", "true")], submit: .remove, look: .row))
                    },
                ], title: .blacklist))
        var html = card(.autoRenewal, renewal)
        var settings = facts([
            (.pk, "<code>\(pk)</code>"), (.package, "\(product.text("package"))"),
            (.dataCentre, "\(product.text("dataCentre"))"),
            (.stream, "\(product.text("uplinkStream"))"),
            (.createdAt, time(product.text("createdAt"))),
        ])
        settings += form(
            FormSpec(
                operation: "updateProduct", path: ["pk": pk],
                fields: [
                    .init(name: "name", label: .name, value: product.text("name")),
                    .init(
                        name: "registration", label: .registration,
                        value: product.text("registration")),
                    .init(
                        name: "dayOffsetMinutes", label: .dayOffset,
                        value: product.text("dayOffsetMinutes"), hint: .dayOffsetHint),
                    .init(
                        name: "messageLog", label: .messageLog, value: product.text("messageLog")),
                ], submit: .save, look: .primary))
        html += card(.productConfiguration, settings)
        html += productLimits(product, ["pk": pk])
        html += metadata(of: product, "updateProductMetadata", ["pk": pk])
        if may("showProductSecret") { html += card(.productSecret, try await productSecret(pk)) }
        if may("deleteProduct") {
            let lost: HTML = """
                <p>\(t(.deleteProductHint))</p><dl class="facts"><div><dt>\(t(.codesLost))</dt><dd>\(grouped(product.number("codes.remaining")))</dd></div>
                <div><dt>\(t(.devicesLost))</dt><dd>\(grouped(product.number("devices.known")))</dd></div></dl>
                """
            html += card(
                .deleteProduct,
                lost
                    + form(
                        FormSpec(
                            operation: "deleteProduct", path: ["pk": pk], submit: .deleteProduct,
                            next: ConsoleLink(["products"], [("account", product.text("account"))]),
                            confirming: "pk", look: .danger)))
        }
        return html
    }

    /// The secret itself is shown where it was made, once.
    private func productSecret(_ pk: String) async throws -> HTML {
        let secret = try await get("showProductSecret", ["pk": pk])
        let state: Word = secret.at("secret") == nil ? .secretRevoked : .secretSet
        var html: HTML = "<p>\(t(state))</p>"
        html += facts([(.formerUntil, time(secret.text("previousUntil")))])
        html += form(
            FormSpec(
                operation: "rotateProductSecret", path: ["pk": pk],
                fields: [.init(name: "overlapHours", label: .overlapHours, value: "24")],
                submit: .rotateSecret))
        return html
            + folded(
                .revokeSecret,
                FormSpec(
                    operation: "revokeProductSecret", path: ["pk": pk], submit: .revokeSecret,
                    confirming: "pk", look: .danger))
    }
}
