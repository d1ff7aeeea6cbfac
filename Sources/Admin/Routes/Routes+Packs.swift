import Gateway
import Hummingbird
import Ledger
import Time

/// Top-up packs of an account (rule C6).
extension Routes {
    mutating func registerTopUps() {
        on(
            .get, "accounts/:account/topups", "listTopUps",
            "The packs of an account, in the order they are drawn from (rule C6)",
            query: [
                Parameter("kind", .choice(TopUpKind.self), "Of that kind."),
                Parameter("open", .flag, "Only those that something can be drawn from now."),
            ],
            answers: .page(of: Documents.topUp)
        ) { call in
            let account = try call.account()
            let kind = try call.query("kind", TopUpKind.init(named:))
            let now = call.controlPlane.now
            let openAt = call.query("open") == "true" ? now : nil
            return try call.list({ Documents.topUp(($0, now)) }) {
                try $0.topUps(
                    of: account, kind: kind, openAt: openAt, cursor: $1, limit: $2, in: $3)
            }
        }
        on(
            .get, "accounts/:account/topups/totals", "showTopUpTotals",
            "The sums over all packs of an account (rule C6)", answers: .ok(Documents.topUpTotals)
        ) { call in
            let account = try call.account()
            let totals = try call.read { books, transaction in
                var totals: [TopUpKind: TopUpCounters] = [:]
                for kind in TopUpKind.allCases {
                    totals[kind] = try books.topUpTotals(of: account, kind, in: transaction)
                }
                return totals
            }
            return .json(Documents.topUpTotals(totals))
        }
        on(
            .get, "accounts/:account/topups/changes", "listTopUpChanges",
            "What became of the packs, the latest first (rule C6)",
            query: [Parameter("kind", .choice(TopUpKind.self), "Of packs of that kind.")],
            answers: .page(of: Documents.movement)
        ) { call in
            let account = try call.account()
            let kind = try call.query("kind", TopUpKind.init(named:))
            let document = { Documents.movement(($0, { call.reaches($0) })) }
            return try call.list(document, where: { call.reaches($0.product) }) {
                try $0.topUpChanges(of: account, kind: kind, cursor: $1, limit: $2, in: $3)
            }
        }
        on(
            .post, "accounts/:account/topups", "addTopUp",
            "Buy or give a pack of messages or OTA attempts (rule C6)", access: .operators,
            body: .json([
                "kind": .choice(TopUpKind.self),
                "quantity": .integer(1...Int64(clamping: Books.topUpMaximum)),
                "expiresAt": .noted(.timeOrDay, "When it can't be drawn from any more."),
                "source": .optional(.choice(TopUpSource.self), "A purchase if missing."),
            ]),
            answers: .created(Documents.topUp), problems: [.expiryPassed]
        ) { call in
            let account = try call.account()
            let fields = try await call.fields()
            let action = TopUpAction.enter(
                account,
                try fields.required("kind", TopUpKind.init(named:)),
                source: try fields.optional("source", TopUpSource.init(named:)) ?? .purchase,
                quantity: UInt64(try fields.number("quantity")),
                expiresAt: try fields.required("expiresAt") { Timestamp(timeOrDay: $0) }
            )
            let document = try await call.submit(.topUps(action)) { effect in
                guard case .changed(.topUps(let change)) = effect else {
                    preconditionFailure("a pack was entered")
                }
                let pack = try call.read { try $0.topUp(change.pack, in: $1) }
                return pack.map { Documents.topUp(($0, call.controlPlane.now)) } ?? .null
            }
            return call.created(document, at: "/v1/accounts/\(account)/topups")
        }
    }
}

/// OTA upgrades of a device (rules D1 and D2): a platform asks before it starts one, and reports what
/// became of it. What was paid is found, and reported, also when the product is gone.
extension Routes {
    mutating func registerUpgrades() {
        on(
            .get, "products/:pk/devices/:dk/upgrades", "listUpgrades",
            "The OTA upgrades of a device, the latest first (rule D2)",
            answers: .page(of: Documents.upgrade)
        ) { call in
            let identity = try call.identityForUpgrades()
            return try call.list(Documents.upgrade) {
                try $0.upgrades(of: identity, cursor: $1, limit: $2, in: $3)
            }
        }
        on(
            .get, "products/:pk/devices/:dk/upgrades/:upgrade", "showUpgrade",
            "An OTA upgrade and what it cost (rule D2)", answers: .ok(Documents.upgrade)
        ) { call in
            let identity = try call.identityForUpgrades()
            let id = call.parameter("upgrade", UpgradeID.init)
            let upgrade = try call.read(or: .upgrades(.unknown(identity, id))) {
                try $0.upgrade(id, of: identity, in: $1)
            }
            return .json(Documents.upgrade(upgrade))
        }
        on(
            .get, "products/:pk/devices/:dk/upgrade-allowance", "showUpgradeAllowance",
            "How many attempts are left for upgrades of a device this month (rule D2)",
            answers: .ok(Documents.upgradeAllowance)
        ) { call in
            let (identity, _, _) = try call.device()
            let now = call.controlPlane.now
            let found = try call.read(or: .products(.unknown(identity.product))) {
                try $0.upgradeAllowance(of: identity, at: now, in: $1)
            }
            return .json(Documents.upgradeAllowance(found))
        }
        on(
            .post, "products/:pk/devices/:dk/upgrades", "requestUpgrade",
            "Ask whether an upgrade may start, and pay for it: an attempt for each 5 MB begun (rule D1)",
            access: .everyone, body: .json(["id": .id(UpgradeID.self), "sizeBytes": .upgradeSize]),
            answers: .created(Documents.upgrade),
            problems: [
                .alreadyExists, .deviceDisabled, .deviceNotActive, .otaExhausted, .clockDoubted,
                .productHasNoPackage, .upgradeReported,
            ]
        ) { call in
            // One that was paid for is found by its name, whatever has become of the product.
            let identity = try call.identityForUpgrades()
            let fields = try await call.fields()
            let id = try fields.required("id", UpgradeID.init)
            try Self.requireOwn(id)
            let size = try fields.required(number: "sizeBytes") {
                UInt64(exactly: $0).flatMap(UpgradeSize.init(bytes:))
            }
            let document = try await Self.submit(.request(identity, id, size), call)
            let path = "/v1/products/\(identity.product)/devices/\(identity.device)/upgrades/\(id)"
            return call.created(document, at: path)
        }
        on(
            .patch, "products/:pk/devices/:dk/upgrades/:upgrade", "reportUpgrade",
            "Report how an upgrade ended; a failed one costs nothing (rule D2)", access: .everyone,
            body: .json([
                "state": .choice([UpgradeState.succeeded.name, UpgradeState.failed.name])
            ]),
            answers: .ok(Documents.upgrade), problems: [.upgradeReported]
        ) { call in
            let identity = try call.identityForUpgrades()
            let id = call.parameter("upgrade", UpgradeID.init)
            let state = try await call.fields().required("state", UpgradeState.init(named:))
            return .json(
                try await Self.submit(.report(identity, id, succeeded: state == .succeeded), call))
        }
    }

    private static func submit(_ action: UpgradeAction, _ call: Call) async throws -> JSON {
        guard case .upgrade(let upgrade) = try await call.submit(.upgrades(action)) else {
            preconditionFailure("an upgrade comes back")
        }
        return Documents.upgrade(upgrade)
    }
}

extension Call {
    /// The device that the path names, also when it or its product were deleted.
    fileprivate func identityForUpgrades() throws -> DeviceIdentity {
        let key = parameter("pk", ProductKey.init)
        let record = try read(or: .products(.unknown(key))) { try $0.product(key, in: $1) }
        try principal.require(key, of: record.account)
        return DeviceIdentity(product: key, device: parameter("dk", DeviceKey.init))
    }
}
