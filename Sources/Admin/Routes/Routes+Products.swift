import Gateway
import Hummingbird
import Ledger
import Storage
import Time

extension Routes {
    func registerProducts() {
        on(.get, "products") { call in
            let asked = try call.query("account", "an account's id", AccountID.init)
            let account = call.principal.account ?? asked
            let (cursor, limit) = try call.page()
            let page = try call.read { (books, transaction) throws(StoreError) in
                try books.products(
                    of: account.map { [$0] }, cursor: cursor, limit: limit, in: transaction)
            }
            var items: [JSON] = []
            for (key, record) in page.elements
            where call.principal.reaches(key, of: record.account) {
                items.append(try await Self.showProduct(key, call))
            }
            return call.list(items, cursor: page.cursor)
        }
        on(.get, "products/:pk") { call in
            .json(try await Self.showProduct(try call.product().key, call))
        }
        on(.post, "products") { call in try await Self.createProduct(call) }
        on(.patch, "products/:pk") { call in
            let (key, _) = try call.product()
            var fields = try await call.fields()
            let update = ProductUpdate(
                name: try fields.optionalText("name"),
                autoRenewal: try fields.optionalFlag("autoRenewal"),
                registration: try Self.registration(&fields),
                dayOffset: try Self.dayOffset(&fields)
            )
            try fields.end()
            try await call.submit(.updateProduct(key, update))
            return .json(try await Self.showProduct(key, call))
        }
        on(.post, "products/:pk/upgrade") { call in
            let (key, _) = try call.product()
            var fields = try await call.fields()
            let package = try fields.required("package", "a package's id", PackageID.init)
            try fields.end()
            try await call.submit(.upgradePackage(key, to: package))
            return .json(try await Self.showProduct(key, call))
        }
        on(.delete, "products/:pk") { call in
            let (key, _) = try call.product()
            let effect = try await call.submit(.deleteProduct(key))
            guard case .changed(.productDeleted(_, let forfeited)) = effect else {
                return .json(["pk": JSON(key), "forfeited": 0])
            }
            return .json(["pk": JSON(key), "forfeited": JSON(forfeited)])
        }
    }

    private static func createProduct(_ call: Call) async throws -> Response {
        var fields = try await call.fields()
        var mint = call.mint
        let made = "p\(mint.text(10))"
        let key =
            try fields.optional("pk", "1 to 32 of A-Z a-z 0-9", ProductKey.init)
            ?? ProductKey(made)
        guard let key else { preconditionFailure("letters and digits are a key") }
        let secret = mint.secret()
        let account = try fields.required("account", "an account's id", AccountID.init)
        try call.principal.require(account)
        let product = NewProduct(
            key: key,
            name: try fields.text("name"),
            account: account,
            package: try fields.optional("package", "a package's id", PackageID.init),
            secret: secret,
            registration: try Self.registration(&fields) ?? .imported,
            dayOffset: try Self.dayOffset(&fields)
                ?? UTCOffset(minutes: call.configuration.metering.dayOffsetMinutes) ?? .utc,
            dataCentre: call.configuration.home,
            freeCodes: call.configuration.activation.freeCodes.terms
        )
        try fields.end()
        try await call.submit(.createProduct(product))
        let document = try await showProduct(key, call)
        return call.created(
            document.adding("secret", .text(secret.text), after: "package"),
            at: "/v1/products/\(key)"
        )
    }

    private static func registration(
        _ fields: inout Fields
    ) throws(Problem) -> RegistrationPolicy? {
        try fields.optional("registration", "open, imported or closed") { text in
            RegistrationPolicy.allCases.first { $0.name == text }
        }
    }

    private static func dayOffset(_ fields: inout Fields) throws(Problem) -> UTCOffset? {
        try fields.optionalNumber("dayOffsetMinutes", in: -1_080...1_080)
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
