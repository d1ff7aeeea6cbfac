import Gateway
import Hummingbird
import Ledger
import Storage

/// OTA upgrades of a device (rules D1 and D2): a platform asks before it starts one, and reports what
/// became of it. What was paid is found, and reported, also when the product is gone.
extension Routes {
    mutating func registerUpgrades() {
        registerUpgradeViews()
        registerUpgradeAllowance()
        on(
            .post, "products/:pk/devices/:dk/upgrades",
            Operation(
                "requestUpgrade", "Ask whether an upgrade may start, and pay for it (rule D1)",
                access: .everyone,
                body: .json(["id": .id(UpgradeID.self), "sizeBytes": .upgradeSize]),
                answers: .created(.upgrade),
                problems: [
                    .alreadyExists, .deviceDisabled, .deviceNotActive, .otaExhausted,
                    .productHasNoPackage, .upgradeReported,
                ])
        ) { call in
            let (identity, _) = try call.identity()
            let fields = try await call.fields()
            let id = try fields.required("id", UpgradeID.init)
            guard let size = UpgradeSize(bytes: UInt64(try fields.number("sizeBytes"))) else {
                throw Problem.invalid("sizeBytes: is not valid")
            }
            let document = try await Self.submit(.request(identity, id, size), call)
            let path = "/v1/products/\(identity.product)/devices/\(identity.device)/upgrades/\(id)"
            return call.created(document, at: path)
        }
        on(
            .patch, "products/:pk/devices/:dk/upgrades/:upgrade",
            Operation(
                "reportUpgrade",
                "Report how an upgrade ended; a failed one costs nothing (rule D2)",
                access: .everyone,
                body: .json([
                    "state": .choice([UpgradeState.succeeded.name, UpgradeState.failed.name])
                ]),
                answers: .ok(.upgrade),
                problems: [.upgradeReported])
        ) { call in
            let identity = try call.identityForUpgrades()
            let id = call.parameter("upgrade", UpgradeID.init)
            let state = try await call.fields().required("state", UpgradeState.init(named:))
            return .json(
                try await Self.submit(.report(identity, id, succeeded: state == .succeeded), call))
        }
    }

    private mutating func registerUpgradeViews() {
        on(
            .get, "products/:pk/devices/:dk/upgrades",
            Operation(
                "listUpgrades", "The OTA upgrades of a device, the latest first (rule D2)",
                answers: .page(of: .upgrade))
        ) { call in
            let identity = try call.identityForUpgrades()
            let (cursor, limit) = try call.page()
            let page = try call.read { (books, transaction) throws(StoreError) in
                try books.upgrades(of: identity, cursor: cursor, limit: limit, in: transaction)
            }
            return call.list(page.elements.map(Documents.upgrade), cursor: page.cursor)
        }
        on(
            .get, "products/:pk/devices/:dk/upgrades/:upgrade",
            Operation(
                "showUpgrade", "An OTA upgrade and what it cost (rule D2)", answers: .ok(.upgrade))
        ) { call in
            let identity = try call.identityForUpgrades()
            let id = call.parameter("upgrade", UpgradeID.init)
            let upgrade = try call.read { (books, transaction) throws(StoreError) in
                try books.upgrade(id, of: identity, in: transaction)
            }
            guard let upgrade else { throw Problem(.unknownUpgrade(identity, id)) }
            return .json(Documents.upgrade(upgrade))
        }
    }

    private mutating func registerUpgradeAllowance() {
        on(
            .get, "products/:pk/devices/:dk/upgrade-allowance",
            Operation(
                "showUpgradeAllowance",
                "How many attempts are left for upgrades of a device this month (rule D2)",
                answers: .ok(.upgradeAllowance))
        ) { call in
            let (identity, _, _) = try call.device()
            let now = call.controlPlane.now
            let found = try call.read { (books, transaction) throws(StoreError) in
                try books.upgradeAllowance(of: identity, at: now, in: transaction)
            }
            guard let found else { throw Problem(.unknownProduct(identity.product)) }
            return .json(Documents.upgradeAllowance(found))
        }
    }

    private static func submit(_ action: UpgradeAction, _ call: Call) async throws -> JSON {
        guard case .upgrade(let upgrade) = try await call.submit(.upgrade(action)) else {
            preconditionFailure("an upgrade comes back")
        }
        return Documents.upgrade(upgrade)
    }
}

extension Call {
    /// The device that the path names, also when it or its product were deleted.
    fileprivate func identityForUpgrades() throws -> DeviceIdentity {
        let key = parameter("pk", ProductKey.init)
        let record = try read { (books, transaction) throws(StoreError) in
            try books.product(key, in: transaction)
        }
        guard let record else { throw Problem(.unknownProduct(key)) }
        try principal.require(key, of: record.account)
        return DeviceIdentity(product: key, device: parameter("dk", DeviceKey.init))
    }
}
