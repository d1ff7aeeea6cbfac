import Gateway
import Ledger

/// Firmware images of a product, its campaigns, and a device's upgrade to one.
extension ConsoleRequest {
    private var isFirmwareOffered: Bool { server.controlPlane.firmwareLinks != nil }

    /// Why this gateway takes no images; nothing where it does.
    private var firmwareIsOff: HTML {
        guard !isFirmwareOffered else { return HTML() }
        let reason = Reason.firmwareNotOffered
        return """
            <div class="alert"><p>\(reason.text(in: language))</p><p class="soft">\(reason.remedy(in: language))</p></div>
            """
    }

    func productFirmware(_ pk: String) async throws -> HTML {
        let path = ["pk": pk]
        var html = firmwareIsOff
        if isFirmwareOffered {
            html += folded(
                .uploadImage,
                FormSpec(
                    operation: "uploadFirmware", path: path,
                    fields: [
                        .init(name: "firmware", label: .firmwareVersion),
                        .init(name: "sha256", label: .sha256, hint: .sha256Hint),
                        .init(name: "signature", label: .signature),
                    ], submit: .uploadImage, look: .primary,
                    upload: .init(
                        label: .imageFile, types: "",
                        maximum: server.configuration.firmware.imageBytes)))
        }
        return html
            + (try await list(
                ListSpec(
                    operation: "listFirmware", path: path,
                    columns: [
                        code(.firmwareVersion, "firmware"), number(.bytes, "sizeBytes"),
                        number(.attempts, "attempts"),
                        Column(title: .sha256) {
                            "<code class=\"digest\">\($0.text("sha256"))</code>"
                        },
                        number(.devicesUpgrading, "devices"),
                        Column(title: .storedHere) { storedHere($0) },
                        time(.createdAt, "createdAt"), column(.actor, "createdBy"),
                        Column(title: .actions) { image in
                            folded(
                                .deleteImage,
                                FormSpec(
                                    operation: "deleteFirmware",
                                    path: ["pk": pk, "firmware": image.text("firmware")],
                                    submit: .deleteImage, note: .deleteImageHint,
                                    confirming: "firmware", look: .danger))
                        },
                    ], title: .firmware)))
    }

    /// Whether the image's bytes are here, and on how many nodes of how many.
    private func storedHere(_ image: JSON) -> HTML {
        let isHere = badge(image.text("stored"))
        guard image.number("nodes") > 1 else { return isHere }
        return """
            \(isHere) <span class="soft">\(t(.storedOn)) \(grouped(image.number("storedOn"))) / \(grouped(image.number("nodes")))</span>
            """
    }

    /// The versions that a device can be upgraded to.
    private func versions(of pk: String) async throws -> [(value: String, text: String)] {
        try await all("listFirmware", ["pk": pk]).items.map {
            ($0.text("firmware"), $0.text("firmware"))
        }
    }

    func productCampaigns(_ pk: String) async throws -> HTML {
        let path = ["pk": pk]
        var html = firmwareIsOff
        if isFirmwareOffered, may("createCampaign") {
            html += folded(
                .createCampaign,
                FormSpec(
                    operation: "createCampaign", path: path,
                    fields: [
                        .init(name: "id", label: .identifier),
                        .init(
                            name: "firmware", label: .firmwareVersion,
                            options: try await versions(of: pk)),
                        .init(name: "perMinute", label: .perMinute, value: "60"),
                        .init(
                            name: "startsAt", label: .startsNoneBefore, hint: .startsAtOnceHint),
                        .init(name: "endsAt", label: .startsNoneAfter),
                        .init(
                            name: "stopPercent", label: .stopPercent, value: "20",
                            hint: .stopPercentHint),
                        .init(
                            name: "metadata", label: .devicesWithMetadata, hint: .campaignHint),
                        .init(name: "devices", label: .theseDevices, isLong: true),
                    ], submit: .create, look: .primary))
        }
        return html
            + (try await list(
                ListSpec(
                    operation: "listCampaigns", path: path,
                    columns: [
                        Column(title: .identifier) {
                            link(["products", pk, "campaigns", $0.text("id")], [], $0.text("id"))
                        },
                        code(.firmwareVersion, "firmware"), named(.state, "state"),
                        Column(title: .upgradesEnded) { ended($0) },
                        number(.succeeded, "succeeded"), number(.failed, "failed"),
                        number(.unreported, "unreported"), number(.notUpgraded, "refused"),
                        time(.startsNoneAfter, "endsAt"), time(.createdAt, "createdAt"),
                    ], title: .campaigns)))
    }

    /// How many of the upgrades that a campaign has started have ended.
    private func ended(_ campaign: JSON) -> HTML {
        let started = campaign.number("started")
        return progress(started - campaign.number("open"), of: started, .upgradesEnded)
    }

    func campaign(_ pk: String, _ id: String) async throws -> HTML {
        let path = ["pk": pk, "campaign": id]
        let campaign = try await get("showCampaign", path)
        var figures = figure(.upgradesStarted, campaign.number("started"))
        figures += figure(.upgradeUnderWay, campaign.number("open"))
        figures += figure(.succeeded, campaign.number("succeeded"))
        figures += figure(.failed, campaign.number("failed"))
        figures += figure(.unreported, campaign.number("unreported"))
        figures += figure(.notUpgraded, campaign.number("refused"))
        let state = campaign.text("state")
        var html: HTML = "<dl class=\"figures\">\(figures)</dl>"
        var about = facts([
            (.state, badge(state)), (.upgradesEnded, ended(campaign)),
            (.allAsked, badge(campaign.text("through"))),
            (.firmwareVersion, "<code>\(campaign.text("firmware"))</code>"),
            (.devices, devices(of: campaign)),
            (.perMinute, "\(grouped(campaign.number("perMinute")))"),
            (.startsNoneBefore, time(campaign.text("startsAt"))),
            (.startsNoneAfter, time(campaign.text("endsAt"))),
            (.stopPercent, "\(campaign.text("stopPercent"))"),
            (.stateChangedAt, time(campaign.text("changedAt"))),
            (.createdAt, time(campaign.text("createdAt"))),
            (.actor, "\(campaign.text("createdBy"))"),
        ])
        if state == "running" || state == "paused" {
            let isPaused = state == "paused"
            let turn = FormSpec(
                operation: isPaused ? "resumeCampaign" : "pauseCampaign", path: path,
                submit: isPaused ? .resume : .pause, look: .row)
            about += "<div class=\"buttons\">\(form(turn))</div>"
            about += folded(
                .stopCampaign,
                FormSpec(
                    operation: "stopCampaign", path: path, submit: .stopCampaign,
                    note: .stopCampaignHint, confirming: "campaign", look: .danger))
        }
        html += card(.state, about)
        return html + (try await devices(ofCampaign: path))
    }

    /// The devices that a campaign has asked, and what has become of each.
    private func devices(ofCampaign path: [String: String]) async throws -> HTML {
        let found = try await list(
            ListSpec(
                operation: "listCampaignDevices", path: path, filters: [("state", .state)],
                columns: [
                    Column(title: .dk) {
                        let dk = $0.text("dk")
                        return link(
                            ["products", path["pk"] ?? "", "devices", dk, "upgrades"], [], dk)
                    },
                    named(.state, "state"), number(.attempts, "attempts"),
                    number(.percentDone, "percent"), time(.reportedAt, "heardAt"),
                    Column(title: .reason) { "\(label(ofReason: $0.text("reason")))" },
                    column(.saidByDevice, "detail"), time(.at, "endedAt"),
                ], title: .devices))
        return card(.devices, found)
    }

    /// Which devices a campaign is for.
    private func devices(of campaign: JSON) -> HTML {
        if campaign.at("metadata") != nil { return "<code>\(campaign.text("metadata"))</code>" }
        return campaign.at("devices") == nil
            ? "\(t(.all))" : "\(grouped(campaign.number("devices")))"
    }

    /// The upgrade that a device has under way, or a form to begin one.
    func deviceFirmware(_ path: [String: String]) async throws -> HTML {
        guard let offer = try await find("showFirmwareOffer", path) else {
            guard isFirmwareOffered, may("offerFirmware") else { return firmwareIsOff }
            return folded(
                .offerFirmware,
                FormSpec(
                    operation: "offerFirmware", path: path,
                    fields: [
                        .init(
                            name: "firmware", label: .firmwareVersion,
                            options: try await versions(of: path["pk"] ?? "")),
                        .init(
                            name: "id", label: .identifier,
                            value: "console-\(SecretWord.made().prefix(12))"),
                    ], submit: .offerFirmware, note: .offerFirmwareHint))
        }
        var html = facts([
            (.firmwareVersion, "<code>\(offer.text("firmware"))</code>"),
            (.identifier, "<code>\(offer.text("upgrade"))</code>"),
            (.bytes, "\(grouped(offer.number("sizeBytes")))"),
            (.percentDone, progress(offer.number("percent"), of: 100, .percentDone)),
            (.reportedAt, time(offer.text("heardAt"))),
        ])
        html += folded(
            .reportUpgrade,
            FormSpec(
                operation: "reportUpgrade",
                path: path.merging(["upgrade": offer.text("upgrade")]) { $1 },
                fields: [.init(name: "state", label: .state)], submit: .reportUpgrade,
                note: .reportUpgradeHint))
        return card(.upgradeUnderWay, html)
    }
}
