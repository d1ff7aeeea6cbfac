import Gateway
import Hummingbird
import Ledger
import Metering
import Time

extension Routes {
    mutating func registerPackages() {
        on(
            .get, "packages", "listPackages", "The packages, by id",
            answers: .page(of: Documents.package)
        ) { call in
            try call.list(Documents.package) { try $0.packages(cursor: $1, limit: $2, in: $3) }
        }
        on(
            .get, "packages/:package", "showPackage", "A package", answers: .ok(Documents.package)
        ) { call in .json(try Self.showPackage(call.parameter("package", PackageID.init), call)) }
        on(
            .patch, "packages/:package", "renamePackage",
            "Give a package another name; what it gives stays", access: .gateway,
            body: .json(["name": .name]), answers: .ok(Documents.package)
        ) { call in
            let id = call.parameter("package", PackageID.init)
            let name = try await call.fields().text("name")
            return try await call.answer(.packages(.rename(id, name))) {
                try Self.showPackage(id, call)
            }
        }
        on(
            .post, "packages", "createPackage", "Create a package", access: .gateway,
            body: .json([
                "id": .optional(.id(PackageID.self), "Made when it is missing."),
                "name": .name,
                "validityDays": .validityDays,
                "messagesPerDay": .optional(.count, "No limit when it is missing."),
                "otaPerMonth": .optional(
                    .integer(0...1_000_000), "Attempts of a device, of 5 MB each; 1 by default."),
                "storageDays": .optional(.integer(0...36_500), "7 by default."),
            ]),
            answers: .created(Documents.package), problems: [.alreadyExists]
        ) { call in
            let fields = try await call.fields()
            var mint = call.mint
            let made = "pkg-\(mint.text(10))"
            let id = try fields.optional("id", PackageID.init) ?? PackageID(made)
            let name = try fields.text("name")
            let allowance = Allowance(
                validityDays: UInt32(try fields.number("validityDays")),
                messagesPerDay: try fields.optionalNumber("messagesPerDay").map { UInt64($0) },
                otaPerMonth: UInt32(try fields.optionalNumber("otaPerMonth") ?? 1),
                storageDays: UInt32(try fields.optionalNumber("storageDays") ?? 7))
            guard let id, let allowance else { preconditionFailure("checked above") }
            let action = Action.packages(.create(id, name: name, allowance))
            let document = try await call.submit(action) { _ in try Self.showPackage(id, call) }
            return call.created(document, at: "/v1/packages/\(id)")
        }
    }

    private static func showPackage(_ id: PackageID, _ call: Call) throws -> JSON {
        let record = try call.read(or: .packages(.unknown(id))) { try $0.package(id, in: $1) }
        return Documents.package((id, record))
    }
}

extension Routes {
    mutating func registerProducts() {
        on(
            .post, "products", "createProduct", "Create a product; its secret is shown once",
            body: .json([
                "pk": .optional(.id(ProductKey.self), "Made when it is missing."),
                "name": .name,
                "account": .id(AccountID.self),
                "package": .optional(.id(PackageID.self)),
                "registration": .optional(.choice(RegistrationPolicy.self), "imported by default."),
                "dayOffsetMinutes": .optional(.dayOffset),
                "dataCentre": .optional(
                    .id(DataCentreID.self), "Where its codes are counted; the gateway's by default."
                ),
            ]),
            answers: .created(.newProduct),
            problems: [.alreadyExists, .unknownAccount, .unknownPackage, .limitReached]
        ) { call in try await Self.createProduct(call) }
        on(
            .patch, "products/:pk", "updateProduct",
            "Change a product's settings; what is missing stays",
            body: .json([
                "name": .optional(.name),
                "autoRenewal": .optional(.flag),
                "registration": .optional(.choice(RegistrationPolicy.self)),
                "dayOffsetMinutes": .optional(.dayOffset),
                "messageLog": .optional(.flag, "Store its devices' messages (rule D3)."),
            ]),
            answers: .ok(Documents.product)
        ) { call in
            let (key, _) = try call.product()
            let fields = try await call.fields()
            let update = ProductUpdate(
                name: try fields.optionalText("name"),
                autoRenewal: try fields.optionalFlag("autoRenewal"),
                registration: try Self.registration(fields),
                dayOffset: try Self.dayOffset(fields),
                messageLog: try fields.optionalFlag("messageLog")
            )
            return try await call.answer(.products(.update(key, update))) {
                try await Self.showProduct(key, call)
            }
        }
        on(
            .post, "products/:pk/upgrade", "upgradePackage",
            "Give a product a higher package (rule A5)", access: .operators,
            body: .json(["package": .id(PackageID.self)]), answers: .ok(Documents.product),
            problems: [.unknownPackage, .productHasNoPackage, .allowanceLowered]
        ) { call in
            let (key, _) = try call.product()
            let fields = try await call.fields()
            let package = try fields.required("package", PackageID.init)
            return try await call.answer(.products(.upgradePackage(key, to: package))) {
                try await Self.showProduct(key, call)
            }
        }
        on(
            .delete, "products/:pk", "deleteProduct", "Delete a product and its codes (rule B9)",
            answers: .ok(Documents.deletedProduct)
        ) { call in
            let (key, _) = try call.product()
            let effect = try await call.submit(.products(.delete(key)))
            guard case .changed(.products(.deleted(_, let forfeited))) = effect else {
                return .json(Documents.deletedProduct((key, 0)))
            }
            return .json(Documents.deletedProduct((key, forfeited)))
        }
        on(
            .get, "products", "listProducts",
            "The products, by key; those with metadata account by account",
            query: [
                Parameter("account", .id(AccountID.self), "Of that account."), .dataCentre,
                .search("name", "With that in their name or key, in capitals or not."),
                Parameter("metadata", .metadataMatch, "With that metadata: KEY=VALUE."),
            ],
            answers: .page(of: Documents.product)
        ) { call in
            let asked = try call.query("account", AccountID.init)
            let accounts = call.principal.accounts(among: asked)
            let home = try call.query("dataCentre", DataCentreID.init)
            let noted = try call.query("metadata", MetadataMatch.init)
            let (cursor, limit) = try call.page()
            let among = call.principal.products
            let page = try call.read {
                try $0.products(
                    of: accounts, among: among, at: home, with: noted, cursor: cursor,
                    limit: limit, in: $1)
            }
            let search = call.query("name").map(Search.init)
            var items: [JSON] = []
            for (key, record) in page.elements
            where search?.finds(key.text, record.name) ?? true {
                items.append(try await Self.showProduct(key, call))
            }
            return call.list(items, cursor: page.cursor)
        }
        on(
            .get, "products/:pk", "showProduct", "A product, its codes and devices (rule B14)",
            answers: .ok(Documents.product)
        ) { call in .json(try await Self.showProduct(try call.product().key, call)) }
    }

    private static func createProduct(_ call: Call) async throws -> Response {
        let fields = try await call.fields()
        var mint = call.mint
        let made = "p\(mint.text(10))"
        guard let key = try fields.optional("pk", ProductKey.init) ?? ProductKey(made) else {
            preconditionFailure("letters and digits are a key")
        }
        let secret = mint.secret()
        let account = try fields.required("account", AccountID.init)
        try call.account(account)
        guard call.principal.products == nil else {
            throw Problem.forbidden("a key that is bound to products makes no others")
        }
        let package = try fields.optional("package", PackageID.init)
        // An allowance is sold: a tenant's product has that of the codes that are bought for it (rule A4).
        guard package == nil || call.principal.isOperator else {
            throw Problem.forbidden("naming a package needs \(Access.operators.rule)")
        }
        let product = NewProduct(
            key: key,
            name: try fields.text("name"),
            account: account,
            package: package,
            secret: try call.controlPlane.secretKeys.seal(secret, for: key),
            registration: try Self.registration(fields) ?? .imported,
            dayOffset: try Self.dayOffset(fields)
                ?? UTCOffset(minutes: call.configuration.metering.dayOffsetMinutes) ?? .utc,
            dataCentre: try fields.optional("dataCentre", DataCentreID.init)
                ?? call.configuration.home,
            freeCodes: call.configuration.activation.freeCodes.terms
        )
        let document = try await call.submit(.products(.create(product))) { _ in
            try await showProduct(key, call)
        }
        return call.created(
            document.adding("secret", .text(secret.text), after: "package"),
            at: "/v1/products/\(key)"
        )
    }

    private static func registration(_ fields: Fields) throws(Problem) -> RegistrationPolicy? {
        try fields.optional("registration", RegistrationPolicy.init(named:))
    }

    private static func dayOffset(_ fields: Fields) throws(Problem) -> UTCOffset? {
        try fields.optionalNumber("dayOffsetMinutes").flatMap { UTCOffset(minutes: Int($0)) }
    }

    static func showProduct(_ key: ProductKey, _ call: Call) async throws -> JSON {
        let (record, figures) = try call.read(or: .products(.unknown(key))) { books, transaction in
            try books.product(key, in: transaction).flatMap { record in
                try books.figures(of: key, in: transaction).map { (record, $0) }
            }
        }
        let online = await call.controlPlane.onlineCount(of: key)
        let metadata = try call.read { try $0.metadata(of: .product(key), in: $1) }
        return Documents.product((key, record, figures, online, metadata))
    }
}

/// The stream that the messages of a product's devices go into.
extension Routes {
    mutating func registerProductUplinks() {
        on(
            .put, "products/:pk/uplink", "nameUplinkStream",
            "Have the messages of a product's devices go into a JetStream stream, which acknowledges them",
            access: .operators, body: .json(["stream": .id(UplinkStream.self)]),
            answers: .ok(Documents.product), problems: [.uplinkNotConfigured]
        ) { call in
            let (key, _) = try call.product()
            let stream = try await call.fields().required("stream", UplinkStream.init)
            // Its devices' messages would be refused.
            guard call.controlPlane.offersUplink else { throw Problem(.uplinkNotConfigured) }
            return try await call.answer(.products(.nameUplink(key, stream))) {
                try await Self.showProduct(key, call)
            }
        }
        on(
            .delete, "products/:pk/uplink", "endUplinkStream",
            "Let the messages of a product's devices go to applications only", access: .operators,
            answers: .ok(Documents.product)
        ) { call in
            let (key, _) = try call.product()
            return try await call.answer(.products(.nameUplink(key, nil))) {
                try await Self.showProduct(key, call)
            }
        }
    }
}

/// A product's secret, by which its devices register themselves: shown, changed, and taken away.
extension Routes {
    mutating func registerProductSecrets() {
        on(
            .get, "products/:pk/secret", "showProductSecret",
            "The secret that a product's devices register with", access: .managers,
            answers: .ok(Documents.productSecret)
        ) { call in
            let (key, record) = try call.product()
            let keys = call.controlPlane.secretKeys
            let secret = try record.secret.flatMap { try keys.open($0, of: key) }
            let isTaken = record.previousSecret(at: call.controlPlane.now) != nil
            return .json(
                Documents.productSecret((key, secret, isTaken ? record.previousUntil : nil)))
        }
        on(
            .post, "products/:pk/secret/rotate", "rotateProductSecret",
            "Give a product another secret; the one before is taken for a while still",
            body: .json([
                "overlapHours": .optional(
                    .integer(0...Books.overlapMaximumHours), "24 by default; 0: no longer at all.")
            ]),
            answers: .ok(Documents.productSecret)
        ) { call in
            let (key, _) = try call.product()
            let hours = try await call.fields().optionalNumber("overlapHours") ?? 24
            var mint = call.mint
            let secret = mint.secret()
            let action = ProductSecretAction.rotate(
                key, secret: try call.controlPlane.secretKeys.seal(secret, for: key),
                overlapMilliseconds: UInt64(hours) * 3_600_000)
            guard
                case .changed(.productSecrets(.rotated(_, let until))) = try await call.submit(
                    .productSecrets(action))
            else { preconditionFailure("a secret was rotated") }
            return .json(Documents.productSecret((key, secret, hours == 0 ? nil : until)))
        }
        on(
            .post, "products/:pk/secret/revoke", "revokeProductSecret",
            "Let no device register itself by a secret, until there is another one",
            answers: .ok(Documents.productSecret)
        ) { call in
            let (key, _) = try call.product()
            try await call.submit(.productSecrets(.revoke(key)))
            return .json(Documents.productSecret((key, nil, nil)))
        }
    }
}
