import Gateway
import Ledger

/// Pages of what belongs to no account alone.
extension ConsoleRequest {
    func packagesPage() async throws -> ConsolePage {
        var page = ConsolePage(title: t(.packages), place: .packages)
        page.body = folded(
            .createPackage,
            FormSpec(
                operation: "createPackage",
                fields: [
                    .init(name: "name", label: .name),
                    .init(name: "id", label: .identifier, hint: .madeWhenEmpty),
                    .init(name: "validityDays", label: .validityDays),
                    .init(name: "messagesPerDay", label: .messagesPerDay),
                    .init(name: "otaPerMonth", label: .otaPerMonth),
                    .init(name: "storageDays", label: .storageDays),
                ], submit: .create, look: .primary))
        page.body += try await list(
            ListSpec(
                operation: "listPackages",
                columns: [
                    code(.identifier, "id"), column(.name, "name"),
                    number(.validityDays, "validityDays"),
                    Column(title: .messagesPerDay, isNumber: true) { item in
                        item.at("messagesPerDay") == nil
                            ? "\(t(.noLimit))" : "\(grouped(item.number("messagesPerDay")))"
                    },
                    number(.otaPerMonth, "otaPerMonth"), number(.storageDays, "storageDays"),
                ], title: .packages))
        return page
    }

    func eventsPage() async throws -> ConsolePage {
        var page = ConsolePage(title: t(.events), place: .events)
        let filters: [(name: String, label: Word)] = [
            ("change", .whatHappened), ("account", .account), ("product", .pk),
        ]
        let set = filters.compactMap { filter in
            asked(filter.name).map { (name: filter.name, value: $0) }
        }
        page.body = live("listEvents", set, .liveEvents)
        page.body += try await list(
            ListSpec(
                operation: "listEvents", fixed: [("order", "newest-first")],
                filters: filters + [("after", .afterNumber)],
                columns: [
                    number(.number, "sequence"), time(.at, "at"), column(.actor, "actor"),
                    code(.whatHappened, "change"),
                    Column(title: .details) { event in
                        guard case .object(let members) = event else { return HTML() }
                        let others = members.dropFirst(4).filter { $0.value != .null }
                        return HTML(
                            others.map {
                                "<span class=\"pair-of\"><b>\($0.name)</b> \(event.text($0.name))</span> "
                            })
                    },
                ], title: .events))
        return page
    }

    func keysPage() async throws -> ConsolePage {
        var page = ConsolePage(title: t(.keys), place: .keys)
        var fields: [FormSpec.Field] = [
            .init(name: "name", label: .name),
            .init(
                name: "role", label: .role, value: "application",
                options: (principal.role == .owner
                    ? ["application", "sub-account", "operator", "owner"]
                    : ["application", "sub-account"]).map { ($0, label($0)) }),
        ]
        if principal.account == nil {
            fields.append(.init(name: "account", label: .account, hint: .everythingWhenEmpty))
        }
        fields.append(.init(name: "products", label: .productKeys, hint: .allWhenEmpty))
        page.body = folded(
            .createKey,
            FormSpec(
                operation: "createKey", fields: fields,
                fixed: principal.account.map { [("account", $0.text)] } ?? [], submit: .create,
                look: .primary))
        page.body += try await list(
            ListSpec(
                operation: "listKeys",
                filters: principal.account == nil ? [("account", .account)] : [],
                columns: [
                    code(.identifier, "id"), column(.name, "name"), named(.role, "role"),
                    column(.account, "account"),
                    Column(title: .productKeys) { key in
                        "\((key.at("products")?.array ?? []).compactMap(\.text).joined(separator: " "))"
                    },
                    time(.createdAt, "createdAt"), time(.revokedAt, "revokedAt"),
                    Column(title: .actions) { key in
                        key.at("revokedAt") != nil
                            ? HTML()
                            : folded(
                                .revoke,
                                FormSpec(
                                    operation: "revokeKey", path: ["key": key.text("id")],
                                    submit: .revoke, confirming: "key", look: .danger))
                    },
                ], title: .keys))
        return page
    }

    func webhooksPage() async throws -> ConsolePage {
        var page = ConsolePage(title: t(.webhooks), place: .webhooks)
        var fields: [FormSpec.Field] = [
            .init(name: "name", label: .name), .init(name: "url", label: .address),
        ]
        if principal.account == nil {
            fields.append(.init(name: "account", label: .account, hint: .everythingWhenEmpty))
        }
        fields.append(.init(name: "kinds", label: .kindsOfEvents, hint: .allWhenEmpty))
        page.body = folded(
            .createWebhook,
            FormSpec(
                operation: "createWebhook", fields: fields,
                fixed: principal.account.map { [("account", $0.text)] } ?? [], submit: .create,
                look: .primary))
        page.body += try await list(
            ListSpec(
                operation: "listWebhooks",
                columns: [
                    Column(title: .name) {
                        link(["webhooks"], [("webhook", $0.text("id"))], $0.text("name"))
                    },
                    column(.address, "url"), column(.account, "account"),
                    Column(title: .state) { badge($0.at("on")?.bool == true ? "on" : "off") },
                    number(.behind, "behind"), number(.failures, "failures"),
                    time(.retryAt, "retryAt"),
                    Column(title: .actions) { hook in
                        let path = ["webhook": hook.text("id")]
                        let isOn = hook.at("on")?.bool ?? false
                        return form(
                            FormSpec(
                                operation: "updateWebhook", path: path,
                                fixed: [("on", isOn ? "false" : "true")],
                                submit: isOn ? .turnOff : .turnOn, look: .row))
                            + form(
                                FormSpec(
                                    operation: "testWebhook", path: path, submit: .test, look: .row)
                            )
                    },
                ], title: .webhooks))
        if let id = asked("webhook") { page.body += try await deliveries(of: id) }
        return page
    }

    private func deliveries(of id: String) async throws -> HTML {
        let path = ["webhook": id]
        let deliveries = try await get("listDeliveries", path)["items"]?.array ?? []
        var rows =
            deliveries.isEmpty
            ? "<p class=\"empty\">\(t(.nothingHere))</p>"
            : table(
                [
                    time(.at, "at"), named(.cause, "cause"), number(.number, "sequence"),
                    number(.attempts, "attempt"),
                    Column(title: .state) {
                        badge($0.at("delivered")?.bool == true ? "delivered" : "failed")
                    },
                    number(.status, "status"), number(.milliseconds, "milliseconds"),
                    column(.reason, "error"), time(.retryAt, "nextAt"),
                ], deliveries, title: .deliveries)
        rows += csvLink("listDeliveries", path)
        var html = card(.deliveries, rows)
        html += folded(
            .rotateSecret,
            FormSpec(
                operation: "rotateWebhookSecret", path: path,
                fields: [.init(name: "overlapHours", label: .overlapHours, value: "24")],
                submit: .rotateSecret))
        return html
            + folded(
                .deleteWebhook,
                FormSpec(
                    operation: "deleteWebhook", path: path, submit: .deleteWebhook,
                    next: ConsoleLink(["webhooks"]), confirming: "webhook", look: .danger))
    }

    func connectionsPage() async throws -> ConsolePage {
        var page = ConsolePage(title: t(.connections), place: .connections)
        page.body = try await list(
            ListSpec(
                operation: "listConnections",
                filters: [("product", .pk), ("like", .clientOrAddress)],
                columns: [
                    code(.clientID, "clientId"), code(.pk, "pk"),
                    Column(title: .dk) { item in
                        item.at("dk") == nil
                            ? HTML()
                            : link(
                                ["products", item.text("pk"), "devices", item.text("dk")], [],
                                item.text("dk"))
                    },
                    code(.key, "key"), column(.address, "address"), column(.listener, "listener"),
                    time(.connectedAt, "connectedAt"), time(.lastSeen, "lastSeenAt"),
                    column(.tls, "tls.version"),
                ], title: .connections))
        return page
    }

    func healthPage() async throws -> ConsolePage {
        guard may("showClock") else {
            throw Problem.forbidden("this needs \(Console.route("showClock").access.rule)")
        }
        var page = ConsolePage(title: t(.health), place: .health)
        let ready = try await get("showReadiness")
        var checks = facts([
            (.state, badge(ready.at("ready")?.bool == true ? "ready" : "not-ready"))
        ])
        for (list, text, title) in [
            ("reasons", "problem", Word.problems), ("warnings", "warning", .warnings),
        ] {
            guard let items = ready.at(list)?.array, !items.isEmpty else { continue }
            checks += table(
                [code(.name, "name"), column(title, text)], items, title: title)
        }
        let names = (ready.at("checks")?.array ?? []).compactMap(\.text)
        checks += "<p class=\"soft\">\(t(.checked)) \(names.joined(separator: ", "))</p>"
        page.body = card(.gateway, checks) + (try await gatewayAlerts())
        let clock = try await get("showClock")
        let isBelieved = clock.at("believed")?.bool == true
        var clocks = facts([
            (.clock, time(clock.text("now"))), (.state, badge(isBelieved ? "believed" : "doubted")),
        ])
        if !isBelieved {
            clocks += form(FormSpec(operation: "confirmClock", submit: .confirmClock))
        }
        page.body += card(.clock, clocks)
        let endings = try await samples(of: "tollgate_connections_ended_total")
            .filter { $0.value > 0 }.sorted { $0.value > $1.value }.prefix(12)
        page.body += card(
            .refusalsByReason,
            bars(
                .refusalsByReason, .reason,
                endings.map { (label(ofReason: $0.labels["reason"] ?? ""), $0.value) }))
        if let cluster = try await find("showCluster") { page.body += card(.nodes, nodes(cluster)) }
        return page
    }

    private func nodes(_ cluster: JSON) -> HTML {
        facts([
            (.node, "<code>\(cluster.text("node"))</code>"), (.state, badge(cluster.text("phase"))),
            (.reason, "\(cluster.text("why"))"), (.position, "\(cluster.text("position"))"),
            (.lag, "\(cluster.text("lagEntries"))"), (.problems, "\(cluster.text("trouble"))"),
        ])
            + table(
                [
                    code(.node, "name"), number(.position, "position"), number(.lag, "lagEntries"),
                    number(.silentSeconds, "silentSeconds"),
                    Column(title: .agrees) {
                        $0.at("agrees") == nil ? HTML() : badge($0.text("agrees"))
                    },
                ], cluster.at("nodes")?.array ?? [], title: .nodes)
    }

    func backupsPage() async throws -> ConsolePage {
        var page = ConsolePage(title: t(.backups), place: .backups)
        page.body = card(
            .startBackup,
            form(
                FormSpec(
                    operation: "startBackup",
                    fields: [.init(name: "directory", label: .directory, hint: .directoryHint)],
                    submit: .startBackup)))
        page.body += try await list(
            ListSpec(
                operation: "listBackups",
                columns: [
                    number(.number, "id"), code(.directory, "directory"), named(.state, "state"),
                    time(.beganAt, "startedAt"), time(.finishedAt, "finishedAt"),
                    number(.bytes, "bytes"), number(.imagesLacking, "imagesLacking"),
                    column(.problems, "problem"),
                ], title: .backups))
        return page
    }

    /// What the gateway was told, and where; a page changes nothing of it.
    func settingsPage() async throws -> ConsolePage {
        var page = ConsolePage(title: t(.settings), place: .settings)
        page.body = "<p class=\"soft\">\(t(.settingsHint))</p>"
        page.body += try await list(
            ListSpec(
                operation: "listSettings",
                columns: [
                    code(.setting, "key"), code(.value, "value"),
                    Column(title: .origin) { item in
                        item.at("origin") == nil
                            ? "<span class=\"soft\">\(t(.byDefault))</span>"
                            : "<code>\(item.text("origin"))</code>"
                    },
                ], title: .settings))
        return page
    }
}
