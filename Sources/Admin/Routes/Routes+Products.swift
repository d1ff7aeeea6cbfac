import Gateway
import Hummingbird
import Ledger
import Metering
import Storage
import Time

extension Routes {
    mutating func registerPackages() {
        on(
            .get, "packages",
            Operation("listPackages", "The packages, by id", answers: .page(of: .package))
        ) { call in
            let (cursor, limit) = try call.page()
            let page = try call.read { (books, transaction) throws(StoreError) in
                try books.packages(cursor: cursor, limit: limit, in: transaction)
            }
            return call.list(
                page.elements.map { Documents.package($0.id, $0.record) },
                cursor: page.cursor
            )
        }
        on(
            .get, "packages/:package",
            Operation("showPackage", "A package", answers: .ok(.package))
        ) { call in
            .json(try Self.showPackage(call.parameter("package", PackageID.init), call))
        }
        on(
            .post, "packages",
            Operation(
                "createPackage", "Create a package", access: .gateway,
                body: .json([
                    "id": .noted(.optional(.id(PackageID.self)), "Made when it is missing."),
                    "name": .name,
                    "validityDays": .integer(1...36_500),
                    "messagesPerDay": .noted(.optional(.count), "No limit when it is missing."),
                    "otaPerMonth": .noted(
                        .optional(.integer(0...1_000_000)),
                        "Attempts of a device, of 5 MB each; 1 by default."),
                    "storageDays": .noted(.optional(.integer(0...36_500)), "7 by default."),
                ]),
                answers: .created(.package), problems: [.alreadyExists])
        ) { call in
            let fields = try await call.fields()
            var mint = call.mint
            let id =
                try fields.optional("id", PackageID.init)
                ?? PackageID("pkg-\(mint.text(10))")
            let name = try fields.text("name")
            let allowance = Allowance(
                validityDays: UInt32(try fields.number("validityDays")),
                messagesPerDay: try fields.optionalNumber("messagesPerDay")
                    .map { UInt64($0) },
                otaPerMonth: UInt32(
                    try fields.optionalNumber("otaPerMonth") ?? 1),
                storageDays: UInt32(try fields.optionalNumber("storageDays") ?? 7)
            )
            guard let id, let allowance else { preconditionFailure("checked above") }
            try await call.submit(.packages(.create(id, name: name, allowance)))
            return call.created(try Self.showPackage(id, call), at: "/v1/packages/\(id)")
        }
    }

    private static func showPackage(_ id: PackageID, _ call: Call) throws -> JSON {
        let record = try call.read { (books, transaction) throws(StoreError) in
            try books.package(id, in: transaction)
        }
        guard let record else { throw Problem(.packages(.unknown(id))) }
        return Documents.package(id, record)
    }
}

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
                problems: [.alreadyExists, .unknownAccount, .unknownPackage, .limitReached])
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
            return .json(
                try await call.submit(.products(.update(key, update))) { _ in
                    try await Self.showProduct(key, call)
                })
        }
        on(
            .post, "products/:pk/upgrade",
            Operation(
                "upgradePackage", "Give a product a higher package (rule A5)", access: .operators,
                body: .json(["package": .id(PackageID.self)]), answers: .ok(.product),
                problems: [.unknownPackage, .productHasNoPackage, .allowanceLowered])
        ) { call in
            let (key, _) = try call.product()
            let fields = try await call.fields()
            let package = try fields.required("package", PackageID.init)
            return .json(
                try await call.submit(.products(.upgradePackage(key, to: package))) { _ in
                    try await Self.showProduct(key, call)
                })
        }
        on(
            .delete, "products/:pk",
            Operation(
                "deleteProduct", "Delete a product and its codes (rule B9)",
                answers: .ok(.deletedProduct))
        ) { call in
            let (key, _) = try call.product()
            let effect = try await call.submit(.products(.delete(key)))
            guard case .changed(.products(.deleted(_, let forfeited))) = effect else {
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
        guard let (record, figures) = found else { throw Problem(.products(.unknown(key))) }
        let online = await call.controlPlane.onlineCount(of: key)
        return Documents.product(key, record, figures, online: online)
    }
}

extension Routes {
    /// Rule C8: what all devices of a product used, day by day.
    mutating func registerProductUsage() {
        on(
            .get, "products/:pk/usage",
            Operation(
                "listProductUsage",
                "The messages of all devices of a product, day by day (rule C8)",
                query: [
                    Parameter("from", .day, "The first day; by default 30 days before the last."),
                    Parameter("to", .day, "The last day; today by default."),
                ],
                answers: .page(of: .productDay))
        ) { call in
            let (key, record) = try call.product()
            let today = Day(of: call.controlPlane.now, at: record.dayOffset)
            let last = try call.query("to") { Day($0) } ?? today
            var first = try call.query("from") { Day($0) } ?? last.adding(days: -30)
            let (cursor, limit) = try call.page()
            if let cursor { first = max(first, try Self.day(at: cursor)) }
            guard first <= last else { return call.list([], cursor: nil) }
            let found = try await call.controlPlane.usage(
                of: key, in: first...last, limit: limit + 1)
            return call.list(
                found.prefix(limit).map(Documents.productDay),
                cursor: found.count > limit ? Self.cursor(at: found[limit].day) : nil
            )
        }
    }

    /// A day as eight hexadecimal digits.
    private static func cursor(at day: Day) -> String {
        let digits = String(UInt32(bitPattern: day.number), radix: 16)
        return String(repeating: "0", count: 8 - digits.utf8.count) + digits
    }

    private static func day(at cursor: String) throws(Problem) -> Day {
        guard cursor.utf8.count == 8, let number = UInt32(cursor, radix: 16) else {
            throw .unknownCursor
        }
        return Day(number: Int32(bitPattern: number))
    }
}
