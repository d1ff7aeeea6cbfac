import Gateway
import Hummingbird
import Ledger
import Storage
import Time

extension Routes {
    mutating func registerProducts() {
        registerProductChanges()
        on(
            .get, "products",
            Operation(
                "listProducts", "The products, by key",
                query: [
                    Parameter("account", .id(AccountID.self), "Of that account."), .dataCentre,
                ],
                answers: .page(of: .product))
        ) { call in
            let asked = try call.query("account", AccountID.init)
            let accounts = call.principal.accounts(among: asked)
            let home = try call.query("dataCentre", DataCentreID.init)
            let (cursor, limit) = try call.page()
            let among = call.principal.products
            let page = try call.read { (books, transaction) throws(StoreError) in
                try books.products(
                    of: accounts, among: among, at: home, cursor: cursor, limit: limit,
                    in: transaction)
            }
            var items: [JSON] = []
            for (key, _) in page.elements { items.append(try await Self.showProduct(key, call)) }
            return call.list(items, cursor: page.cursor)
        }
        on(
            .get, "products/:pk",
            Operation(
                "showProduct", "A product, its codes and devices (rule B14)",
                answers: .ok(.product))
        ) { call in
            .json(try await Self.showProduct(try call.product().key, call))
        }
    }

    private mutating func registerProductChanges() {
        on(
            .post, "products",
            Operation(
                "createProduct", "Create a product; its secret is shown once",
                body: .json([
                    "pk": .noted(.optional(.id(ProductKey.self)), "Made when it is missing."),
                    "name": .name,
                    "account": .id(AccountID.self),
                    "package": .optional(.id(PackageID.self)),
                    "registration": .noted(
                        .optional(.choice(RegistrationPolicy.self)), "imported by default."),
                    "dayOffsetMinutes": .optional(.dayOffset),
                    "dataCentre": .noted(
                        .optional(.id(DataCentreID.self)),
                        "Where its codes are counted; the gateway's by default."),
                ]),
                answers: .created(.newProduct),
                problems: [.alreadyExists, .unknownAccount, .unknownPackage])
        ) { call in try await Self.createProduct(call) }
        on(
            .patch, "products/:pk",
            Operation(
                "updateProduct", "Change a product's settings; what is missing stays",
                body: .json([
                    "name": .optional(.name),
                    "autoRenewal": .optional(.flag),
                    "registration": .optional(.choice(RegistrationPolicy.self)),
                    "dayOffsetMinutes": .optional(.dayOffset),
                ]),
                answers: .ok(.product))
        ) { call in
            let (key, _) = try call.product()
            let fields = try await call.fields()
            let update = ProductUpdate(
                name: try fields.optionalText("name"),
                autoRenewal: try fields.optionalFlag("autoRenewal"),
                registration: try Self.registration(fields),
                dayOffset: try Self.dayOffset(fields)
            )
            try await call.submit(.updateProduct(key, update))
            return .json(try await Self.showProduct(key, call))
        }
        on(
            .post, "products/:pk/upgrade",
            Operation(
                "upgradePackage", "Give a product a higher package (rule A5)",
                body: .json(["package": .id(PackageID.self)]), answers: .ok(.product),
                problems: [.unknownPackage, .productHasNoPackage, .allowanceLowered])
        ) { call in
            let (key, _) = try call.product()
            let fields = try await call.fields()
            let package = try fields.required("package", PackageID.init)
            try await call.submit(.upgradePackage(key, to: package))
            return .json(try await Self.showProduct(key, call))
        }
        on(
            .delete, "products/:pk",
            Operation(
                "deleteProduct", "Delete a product and its codes (rule B9)",
                answers: .ok(.deletedProduct))
        ) { call in
            let (key, _) = try call.product()
            let effect = try await call.submit(.deleteProduct(key))
            guard case .changed(.productDeleted(_, let forfeited)) = effect else {
                return .json(["pk": JSON(key), "forfeited": 0])
            }
            return .json(["pk": JSON(key), "forfeited": JSON(forfeited)])
        }
    }

    private static func createProduct(_ call: Call) async throws -> Response {
        let fields = try await call.fields()
        var mint = call.mint
        let made = "p\(mint.text(10))"
        let key =
            try fields.optional("pk", ProductKey.init)
            ?? ProductKey(made)
        guard let key else { preconditionFailure("letters and digits are a key") }
        let secret = mint.secret()
        let account = try fields.required("account", AccountID.init)
        try call.principal.require(account)
        let product = NewProduct(
            key: key,
            name: try fields.text("name"),
            account: account,
            package: try fields.optional("package", PackageID.init),
            secret: try call.controlPlane.secretKeys.seal(secret, for: key),
            registration: try Self.registration(fields) ?? .imported,
            dayOffset: try Self.dayOffset(fields)
                ?? UTCOffset(minutes: call.configuration.metering.dayOffsetMinutes) ?? .utc,
            dataCentre: try fields.optional("dataCentre", DataCentreID.init)
                ?? call.configuration.home,
            freeCodes: call.configuration.activation.freeCodes.terms
        )
        try await call.submit(.createProduct(product))
        let document = try await showProduct(key, call)
        return call.created(
            document.adding("secret", .text(secret.text), after: "package"),
            at: "/v1/products/\(key)"
        )
    }

    private static func registration(
        _ fields: Fields
    ) throws(Problem) -> RegistrationPolicy? {
        try fields.optional("registration", RegistrationPolicy.init(named:))
    }

    private static func dayOffset(_ fields: Fields) throws(Problem) -> UTCOffset? {
        try fields.optionalNumber("dayOffsetMinutes")
            .flatMap { UTCOffset(minutes: Int($0)) }
    }

    static func showProduct(_ key: ProductKey, _ call: Call) async throws -> JSON {
        let found = try call.read {
            (books, transaction) throws(StoreError) -> (ProductRecord, ProductFigures)? in
            guard let record = try books.product(key, in: transaction),
                let figures = try books.figures(of: key, in: transaction)
            else { return nil }
            return (record, figures)
        }
        guard let (record, figures) = found else { throw Problem(.unknownProduct(key)) }
        let online = await call.controlPlane.onlineCount(of: key)
        return Documents.product(key, record, figures, online: online)
    }
}
