/// Pages of one device.
extension ConsoleRequest {
    func devicePage(_ pk: String, _ dk: String, _ rest: [String]) async throws -> ConsolePage? {
        let path = ["pk": pk, "dk": dk]
        let tab = rest.first ?? ""
        guard rest.count < 2, ["", "history", "messages", "upgrades", "trace"].contains(tab) else {
            return nil
        }
        let product = try await get("showProduct", ["pk": pk])
        var page = ConsolePage(title: dk, place: .products, account: product.text("account"))
        page.crumbs = [
            (t(.products), ConsoleLink(["products"], [("account", product.text("account"))])),
            (product.text("name"), ConsoleLink(["products", pk])),
        ]
        var tabs: [(Word, String)] = [
            (.state, ""), (.activationHistory, "history"), (.storedMessages, "messages"),
            (.upgrades, "upgrades"),
        ]
        if may("traceDevice") { tabs.append((.trace, "trace")) }
        page.tabs = self.tabs(["products", pk, "devices", dk], tab, tabs)
        switch tab {
        case "history": page.body = try await deviceHistory(path)
        case "messages": page.body = try await deviceMessages(path)
        case "upgrades": page.body = try await deviceUpgrades(path)
        case "trace":
            page.body = live("traceDevice", [("pk", pk), ("dk", dk)], .trace)
        default: page.body = try await deviceState(path, product)
        }
        return page
    }

    /// Pages below the same one.
    func tabs(
        _ base: [String], _ here: String, _ items: [(Word, String)]
    ) -> [(text: Word, link: ConsoleLink, isHere: Bool)] {
        items.map { word, name in
            let link = ConsoleLink(name.isEmpty ? base : base + [name])
            return (word, link, name == here)
        }
    }

    private func deviceState(_ path: [String: String], _ product: JSON) async throws -> HTML {
        let device = try await get("showDevice", path)
        let admission = try await get("showAdmission", path)
        let isAdmitted = admission.at("admitted")?.bool ?? false
        let isOnForProduct = product.at("autoRenewal")?.bool ?? false
        var state = facts([
            (.state, badge(device.text("state"))),
            (.online, badge(device.at("online")?.bool == true ? "online" : "offline")),
            (.name, "\(device.text("name"))"),
            (.activatedAt, time(device.text("activatedAt"))),
            (.expiresAt, time(device.text("expiresAt"))),
            (.codesConsumed, "\(device.text("codesConsumed"))"),
            (.autoRenewal, renewalSwitch(device, isOnForProduct: isOnForProduct)),
            (.lastSeen, time(device.text("lastSeenAt"))),
            (.registeredAt, time(device.text("registeredAt"))),
            (.nextConnection, badge(isAdmitted ? "admitted" : "refused")),
            (.reason, why(admission)), (.remedy, remedy(admission)),
        ])
        for (title, name) in [(Word.lastRefusal, "lastRefusal"), (.lastEnding, "lastEnding")] {
            guard let outcome = device.at(name) else { continue }
            state += "<h3>\(t(title))</h3>"
            state += facts([
                (.reason, "<code>\(outcome.text("reason"))</code> \(why(outcome))"),
                (.at, time(outcome.text("at"))),
                (.address, "\(outcome.text("address"))"), (.remedy, remedy(outcome)),
            ])
        }
        var html = card(.state, state)
        html += card(.actions, deviceActions(path, device))
        html += card(.connection, try await deviceConnection(path))
        html += card(.usage, try await deviceUsage(path))
        html += card(.pins, try await devicePins(path))
        html += deviceLimits(device, path)
        html += card(.stateDocuments, try await deviceDocuments(path))
        html += metadata(of: device, "updateDeviceMetadata", path)
        return "<div class=\"pair\">\(html)</div>"
    }

    private func devicePins(_ path: [String: String]) async throws -> HTML {
        let found = try await get("showPins", path).at("fingerprints")?.array ?? []
        let pins = found.compactMap(\.text)
        var html = HTML()
        for pin in pins { html += "<p><code class=\"digest\">\(pin)</code></p>" }
        return html
            + folded(
                .change,
                FormSpec(
                    operation: "setPins", path: path,
                    fields: [
                        .init(
                            name: "fingerprints", label: .pins,
                            value: pins.joined(separator: "\n"), hint: .pinsHint, isLong: true)
                    ], submit: .save))
    }

    private func deviceActions(_ path: [String: String], _ device: JSON) -> HTML {
        func button(_ operation: String, _ word: Word) -> HTML {
            form(FormSpec(operation: operation, path: path, submit: word, look: .row))
        }
        let isDisabled = device.at("state")?.text == "disabled"
        var html: HTML = "<div class=\"buttons\">"
        html += button("activateDevice", device.at("activatedAt") == nil ? .activate : .renewNow)
        if device.at("online")?.bool == true { html += button("endConnection", .kick) }
        html += isDisabled ? button("enableDevice", .enable) : button("disableDevice", .disable)
        html += "</div>"
        html += folded(
            .sendMessage,
            FormSpec(
                operation: "sendMessage", path: path,
                fields: [
                    .init(name: "topic", label: .topic, hint: .topicHint),
                    .init(name: "payload", label: .payload, isLong: true),
                    .init(name: "qos", label: .qos, value: "1"),
                ], submit: .sendMessage))
        html += folded(
            .rename,
            FormSpec(
                operation: "renameDevice", path: path,
                fields: [.init(name: "name", label: .name, value: device.text("name"))],
                submit: .save))
        html += folded(
            .resetSecret,
            FormSpec(operation: "resetSecret", path: path, submit: .resetSecret, look: .danger))
        html += folded(
            .moveEntitlement,
            FormSpec(
                operation: "moveEntitlement", path: path,
                fields: [.init(name: "to", label: .toDevice), .init(name: "cause", label: .cause)],
                submit: .moveEntitlement))
        return html
            + folded(
                .deleteDevice,
                FormSpec(
                    operation: "deleteDevice", path: path, submit: .deleteDevice,
                    next: ConsoleLink(["products", path["pk"] ?? ""]), confirming: "dk",
                    look: .danger))
    }

    private func deviceConnection(_ path: [String: String]) async throws -> HTML {
        guard let connection = try await find("showConnection", path) else {
            return "<p class=\"empty\">\(t(.notConnected))</p>"
        }
        let children = connection.at("children").flatMap(\.integer) ?? 0
        let parent = connection.at("parent").map { parent in
            link(
                ["products", parent.text("pk"), "devices", parent.text("dk")], [],
                "\(parent.text("pk")).\(parent.text("dk"))")
        }
        return facts([
            (.parentDevice, parent ?? HTML()),
            (.childDevices, children > 0 ? "\(grouped(children))" : HTML()),
            (.address, "\(connection.text("address"))"),
            (.listener, "\(connection.text("listener"))"),
            (.connectedAt, time(connection.text("connectedAt"))),
            (.protocolVersion, "\(connection.text("protocolVersion"))"),
            (.clientID, "<code>\(connection.text("clientId"))</code>"),
            (.keepAlive, "\(connection.text("keepAliveSeconds"))"),
            (.tls, "\(connection.text("tls.version")) \(connection.text("tls.cipher"))"),
            (.certificateEnds, time(connection.text("certificateExpiresAt"))),
        ])
    }

    private func deviceUsage(_ path: [String: String]) async throws -> HTML {
        let usage = try await get("showUsage", path)
        var days = (usage.at("history")?.array ?? []).map { day in
            (name: day.text("day"), value: day.number("used") + day.number("topUp"))
        }
        days.append((usage.text("day"), usage.number("used") + usage.number("topUp")))
        days.sort { $0.name < $1.name }
        return facts([
            (.messagesToday, "\(grouped(usage.number("used")))"),
            (
                .ofLimit,
                usage.at("limit") == nil ? "\(t(.noLimit))" : "\(grouped(usage.number("limit")))"
            ),
            (.topUpsUsed, "\(grouped(usage.number("topUp")))"),
        ]) + bars(.messagesByDay, .day, Array(days.suffix(31)))
    }

    private func deviceHistory(_ path: [String: String]) async throws -> HTML {
        let found = try await list(
            ListSpec(
                operation: "listActivations", path: path,
                columns: [
                    number(.number, "number"), code(.activationCode, "code"),
                    time(.activatedAt, "activatedAt"), time(.expiresAt, "expiresAt"),
                    named(.cause, "cause"), column(.dataCentre, "dataCentre"),
                ], title: .activationHistory))
        return found
            + folded(
                .takeBackActivation,
                FormSpec(
                    operation: "voidActivation", path: path,
                    fields: [.init(name: "cause", label: .cause)], submit: .takeBackActivation,
                    confirming: "dk", look: .danger))
    }

    private func deviceMessages(_ path: [String: String]) async throws -> HTML {
        let found = try await list(
            ListSpec(
                operation: "listMessages", path: path,
                filters: [("from", .from), ("to", .to), ("direction", .direction)],
                columns: [
                    time(.at, "at"), named(.direction, "direction"), code(.topic, "topic"),
                    number(.qos, "qos"), number(.bytes, "bytes"),
                    Column(title: .payload) { item in
                        "<code>\(item.at("payload") == nil ? item.text("payloadBase64") : item.text("payload"))</code>"
                    },
                ], title: .storedMessages))
        return found
            + folded(
                .deleteMessages,
                FormSpec(
                    operation: "deleteMessages", path: path, submit: .deleteMessages,
                    confirming: "dk", look: .danger))
    }

    private func deviceUpgrades(_ path: [String: String]) async throws -> HTML {
        let left = try await get("showUpgradeAllowance", path)
        var figures = figure(.otaAllowance, left.number("allowance"))
        figures += figure(.used, left.number("used"))
        figures += figure(.remaining, left.number("left"))
        figures += figure(.inPacks, left.number("packs"))
        return "<dl class=\"figures\">\(figures)</dl>"
            + (try await deviceFirmware(path))
            + (try await list(
                ListSpec(
                    operation: "listUpgrades", path: path,
                    columns: [
                        code(.identifier, "id"), named(.state, "state"),
                        number(.bytes, "sizeBytes"),
                        number(.attempts, "attempts"), number(.fromAllowance, "fromAllowance"),
                        number(.fromPacks, "fromPacks"), time(.at, "requestedAt"),
                        time(.reportedAt, "reportedAt"),
                    ], title: .upgrades)))
    }

    /// What comes from now on; the script of the page fills it.
    func live(_ operation: String, _ query: Fields, _ title: Word) -> HTML {
        """
        <section class="card" data-stream="\(ConsoleLink(["live", operation], query).text)"><h2>\(t(title))</h2>
        <div class="filters"><div class="field"><label for="live-filter">\(t(.filter))</label><input id="live-filter"></div>
        <div class="field"><button type="button" data-pause aria-pressed="false">\(t(.pause))</button></div></div>
        <p class="soft" role="status" data-standing>\(t(.liveNeedsScript))</p>
        <p hidden data-open>\(t(.liveOpen))</p><p hidden data-closed>\(t(.liveClosed))</p>
        <ol class="stream"></ol></section>
        """
    }
}
