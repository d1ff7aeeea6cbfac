import Gateway
import Hummingbird
import Ledger
import Time

/// Campaigns: upgrades of many devices to one firmware image.
extension Routes {
    mutating func registerCampaigns() {
        on(
            .post, "products/:pk/campaigns", "createCampaign",
            "Have devices of a product upgrade to a firmware image, so many a minute",
            body: .json(.campaignRequest, upTo: .list(CampaignFilter.devicesMaximum)),
            answers: .created(Documents.campaign),
            problems: [
                .alreadyExists, .unknownFirmware, .tooManyCampaigns, .expiryPassed,
                .firmwareNotOffered,
            ]
        ) { call in
            try await Self.create(call)
        }
        on(
            .get, "products/:pk/campaigns", "listCampaigns", "The campaigns of a product",
            answers: .page(of: Documents.campaign)
        ) { call in
            let (key, _) = try call.product()
            return try call.list(Documents.campaign) {
                try $0.campaigns(of: key, cursor: $1, limit: $2, in: $3)
            }
        }
        on(
            .get, "products/:pk/campaigns/:campaign", "showCampaign",
            "A campaign, and how far it is", answers: .ok(Documents.campaign)
        ) { call in
            .json(Documents.campaign(try call.campaign()))
        }
        on(
            .get, "products/:pk/campaigns/:campaign/devices", "listCampaignDevices",
            "The devices that a campaign has asked, by key, and what has become of each",
            query: [
                Parameter("state", .choice(CampaignDeviceState.self), "Those that stand so.")
            ],
            answers: .page(of: Documents.campaignDevice)
        ) { call in
            let campaign = try call.campaign().record.campaign
            let state = try call.query("state", CampaignDeviceState.init(named:))
            return try call.list(Documents.campaignDevice) {
                try $0.devices(
                    of: campaign.id, of: campaign.product, state: state, cursor: $1, limit: $2,
                    in: $3)
            }
        }
        let turns: [(verb: String, id: String, state: CampaignState, summary: String)] = [
            ("pause", "pauseCampaign", .paused, "Start no upgrades until it is resumed"),
            ("resume", "resumeCampaign", .running, "Go on with a campaign that was paused"),
            (
                "stop", "stopCampaign", .stopped,
                "Start no upgrades any more; those that were started go on"
            ),
        ]
        for turn in turns {
            on(
                .post, "products/:pk/campaigns/:campaign/\(turn.verb)", turn.id, turn.summary,
                answers: .ok(Documents.campaign), problems: [.campaignEnded]
            ) { call in
                let campaign = try call.campaign().record.campaign
                let action = CampaignAction.turn(campaign.product, campaign.id, turn.state)
                return try await call.answer(.campaigns(action)) {
                    Documents.campaign(try call.campaign())
                }
            }
        }
    }

    /// Unless it is said.
    private static let stopPercent = UpgradePercent(20)!

    private static func create(_ call: Call) async throws -> Response {
        let (key, _) = try call.product()
        let fields = try await call.fields()
        let id = try fields.required("id", CampaignID.init)
        let match = try fields.optional("metadata", MetadataMatch.init)
        let named = try fields.optionalArray("devices")?.compactMap {
            $0.text.flatMap(DeviceKey.init(_:))
        }
        let filter: CampaignFilter
        switch (match, named) {
        case (nil, nil): filter = .all
        case (let match?, nil): filter = .metadata(match.key, match.value)
        case (nil, let named?): filter = .devices(Set(named).sorted())
        case (_?, _?): preconditionFailure("no form of the body has both")
        }
        let stopPercent = try fields.optional(number: "stopPercent") { UpgradePercent(Int($0)) }
        let startsAt = try fields.optional("startsAt") { Timestamp(timeOrDay: $0) }
        let endsAt = try fields.required("endsAt") { Timestamp(timeOrDay: $0) }
        let campaign = NewCampaign(
            product: key, id: id, version: try fields.required("firmware", FirmwareVersion.init),
            filter: filter, perMinute: UInt32(try fields.number("perMinute")),
            startsAt: startsAt, endsAt: endsAt,
            stopPercent: stopPercent ?? Self.stopPercent)
        guard call.controlPlane.firmwareLinks != nil else { throw Problem(.firmwareNotOffered) }
        let document = try await call.submit(.campaigns(.create(campaign))) { _ in
            let made = try call.read(or: .campaigns(.unknown(key, id))) {
                try $0.campaign(id, of: key, in: $1)
            }
            return Documents.campaign(made)
        }
        return call.created(document, at: "/v1/products/\(key)/campaigns/\(id)")
    }
}

extension Call {
    /// The campaign that the path names.
    fileprivate func campaign() throws -> Campaign {
        let (key, _) = try product()
        let id = parameter("campaign", CampaignID.init)
        return try read(or: .campaigns(.unknown(key, id))) {
            try $0.campaign(id, of: key, in: $1)
        }
    }
}

extension Schema {
    /// The devices by their keys, or by what is noted about them; without either, all.
    fileprivate static let campaignRequest = either([
        .object(campaign, isOpen: false),
        .object(campaign + [Member(name: "metadata", schema: .metadataMatch)], isOpen: false),
        .object(
            campaign + [
                Member(
                    name: "devices",
                    schema: .list(.id(DeviceKey.self), counts: 1...CampaignFilter.devicesMaximum))
            ], isOpen: false),
    ])

    private static let campaign = object([
        "id": .id(CampaignID.self), "firmware": .id(FirmwareVersion.self),
        "perMinute": .integer(1...Int64(NewCampaign.perMinuteMaximum)),
        "startsAt": .optional(
            .timeOrDay, "When the first upgrades are started; without it at once."),
        "endsAt": .timeOrDay,
        "stopPercent": .optional(
            .integer(0...100),
            "It stops when more than so many of a hundred upgrades did not succeed, ten ended at least; 20 by default, 100 for never."
        ),
    ]).members
}
