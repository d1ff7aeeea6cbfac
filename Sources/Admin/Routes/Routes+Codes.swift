import Gateway
import Hummingbird
import Ledger
import Storage
import Time

/// Codes: bought, assigned, consumed, about to end.
extension Routes {
    mutating func registerCodes() {
        registerPurchases()
        registerAssignments()
        registerAssignable()
        on(
            .get, "products/:pk/codes",
            Operation(
                "listCodes",
                "The consumed codes of a product (rule B10), by activation, or by expiry when that is"
                    + " asked for more closely",
                query: ActivationFilter.parameters, answers: .page(of: .activation))
        ) { call in
            let (key, _) = try call.product()
            let filter = try ActivationFilter(call)
            let (cursor, limit) = try call.page()
            let page = try call.read { (books, transaction) throws(StoreError) in
                try books.consumedCodes(
                    of: key, filter, cursor: cursor, limit: limit, in: transaction)
            }
            return call.list(page.elements.map(Documents.activation), cursor: page.cursor)
        }
        on(
            .get, "near-expiry",
            Operation(
                "listNearExpiry", "Devices whose activation is about to end (rule B11)",
                query: ActivationFilter.parameters + [
                    Parameter("days", .integer(1...3_650), "Within so many days.")
                ],
                answers: .page(of: .nearExpiry))
        ) { call in
            var filter = try ActivationFilter(call)
            if let products = call.principal.products {
                filter.products = filter.products.map { $0.filter(products.contains) } ?? products
            }
            let days = try call.query("days") { Int64($0) }
            let within = days ?? Int64(call.configuration.activation.nearExpiryDays)
            let now = call.controlPlane.now
            let milliseconds = now.adding(days: within).milliseconds(since: now)
            let (cursor, limit) = try call.page()
            let page = try call.read { [filter] (books, transaction) throws(StoreError) in
                try books.nearExpiry(
                    at: now, withinMilliseconds: milliseconds, filter, cursor: cursor,
                    limit: limit, in: transaction)
            }
            return call.list(page.elements.map(Documents.nearExpiry), cursor: page.cursor)
        }
    }

    private mutating func registerPurchases() {
        on(
            .post, "accounts/:account/purchases",
            Operation(
                "buyCodes", "Buy codes of a package (rule A2)", access: .operators,
                body: .json([
                    "package": .id(PackageID.self),
                    "quantity": Self.quantity,
                    "product": .noted(
                        .optional(.id(ProductKey.self)), "Assigns them to that product at once."),
                ]),
                answers: .created(.purchase),
                problems: [
                    .unknownPackage, .unknownProduct, .productOfAnotherAccount,
                    .packageMismatch,
                ])
        ) { call in
            let account = try call.account()
            let fields = try await call.fields()
            let package = try fields.required("package", PackageID.init)
            let quantity = try fields.number("quantity")
            let product = try fields.optional("product", ProductKey.init)
            if let product { try call.product(product, of: account) }
            let document = try await call.submit(
                .codes(
                    .purchase(
                        account, package: package, quantity: UInt64(quantity), product: product))
            ) { effect in
                guard case .changed(.codes(.bought(_, _, _, _, let first))) = effect else {
                    preconditionFailure("a purchase buys codes")
                }
                let purchase = try call.read { (books, transaction) throws(StoreError) in
                    try books.purchase(of: first, in: transaction)
                }
                return purchase.map(Documents.purchase) ?? .null
            }
            return call.created(document, at: "/v1/accounts/\(account)/purchases")
        }
        on(
            .get, "accounts/:account/purchases",
            Operation(
                "listPurchases", "The purchases and grants of an account",
                answers: .page(of: .purchase))
        ) { call in
            let account = try call.account()
            let (cursor, limit) = try call.page()
            let page = try call.read { (books, transaction) throws(StoreError) in
                try books.purchases(of: account, cursor: cursor, limit: limit, in: transaction)
            }
            let reached = page.elements.filter { call.reaches($0.record.product) }
            return call.list(reached.map(Documents.purchase), cursor: page.cursor)
        }
    }

    /// Of codes, at once.
    private static let quantity = Schema.integer(1...Int64(clamping: Books.quantityMaximum))

    private mutating func registerAssignments() {
        on(
            .post, "accounts/:account/assignments",
            Operation(
                "assignCodes", "Assign unassigned codes to a product (rule A3)",
                body: .json([
                    "product": .id(ProductKey.self),
                    "quantity": Self.quantity,
                    "package": .noted(
                        .optional(.id(PackageID.self)), "The product's, when it has one already."),
                ]),
                answers: .created(.newAssignment),
                problems: [
                    .unknownProduct, .unknownPackage, .productOfAnotherAccount,
                    .productHasNoPackage, .packageMismatch, .notEnoughUnassigned,
                ])
        ) { call in
            let account = try call.account()
            let fields = try await call.fields()
            let key = try fields.required("product", ProductKey.init)
            let quantity = UInt64(try fields.number("quantity"))
            let given = try fields.optional("package", PackageID.init)
            try call.product(key, of: account)
            let effect = try await call.submit(
                .codes(.assign(key, package: given, quantity: quantity)))
            guard case .changed(.codes(.assigned(_, _, let package, _))) = effect else {
                preconditionFailure("an assignment assigns codes")
            }
            let document: JSON = [
                "product": JSON(key), "quantity": JSON(quantity), "package": JSON(package),
                "account": JSON(account),
            ]
            return call.created(document, at: "/v1/accounts/\(account)/assignments")
        }
        on(
            .get, "accounts/:account/assignments",
            Operation(
                "listAssignments", "The assignments of an account, the latest first (rule A3)",
                query: [
                    Parameter("product", .optionalName, "A product's key, or part of its name.")
                ],
                answers: .page(of: .assignment))
        ) { call in
            let account = try call.account()
            let product = call.query("product")
            let (cursor, limit) = try call.page()
            let page = try call.read { (books, transaction) throws(StoreError) in
                try books.assignments(
                    of: account, matching: product, cursor: cursor, limit: limit, in: transaction)
            }
            let reached = page.elements.filter { call.reaches($0.record.product) }
            return call.list(reached.map(Documents.assignment), cursor: page.cursor)
        }
    }

    private mutating func registerAssignable() {
        on(
            .get, "accounts/:account/assignable",
            Operation(
                "showAssignable", "How many codes can be assigned to a product (rule A6)",
                query: [
                    Parameter("product", .id(ProductKey.self), "Which one.", isRequired: true)
                ],
                answers: .ok(.assignable),
                problems: [.unknownProduct, .productOfAnotherAccount])
        ) { call in
            let account = try call.account()
            guard
                let key = try call.query("product", ProductKey.init)
            else { throw Problem.invalid("product: is missing") }
            try call.product(key, of: account)
            let found = try call.read { (books, transaction) throws(StoreError) in
                try books.assignable(to: key, in: transaction)
            }
            return .json([
                "product": JSON(key),
                "quantity": JSON(found.mostTogether),
                "packages": .array(
                    found.map { ["package": JSON($0.package), "quantity": JSON($0.quantity)] }
                ),
            ])
        }
    }
}

extension Call {
    /// A product that a request on an account names, which must be the account's.
    @discardableResult
    fileprivate func product(_ key: ProductKey, of account: AccountID) throws -> ProductRecord {
        let record = try product(key)
        guard record.account == account else {
            throw Problem(.products(.ofAnotherAccount(key, account)))
        }
        return record
    }

    /// Whether a line of an account's list is for the caller: of no product, or of one that is reached.
    func reaches(_ product: ProductKey?) -> Bool { product.map(principal.reaches) ?? true }
}

extension ActivationFilter {
    /// Of the accounts that the caller reaches: `account`, `product`, `productName`, `device`, and the four ends of the two ranges of time,
    /// each beginning with its first instant and ending before its last: `activatedFrom`,
    /// `activatedTo`, `expiresFrom`, `expiresTo`.
    static let parameters = [
        Parameter("account", .id(AccountID.self), "Of that account."),
        Parameter("product", .id(ProductKey.self), "Of that product."),
        Parameter("productName", .optionalName, "Of products with that in their name."),
        Parameter("device", .id(DeviceKey.self), "Of that device."),
        Parameter("activatedFrom", .timeOrDay, "Activated then or later."),
        Parameter("activatedTo", .timeOrDay, "Activated before that."),
        Parameter("expiresFrom", .timeOrDay, "Ending then or later."),
        Parameter("expiresTo", .timeOrDay, "Ending before that."),
    ]

    init(_ call: Call) throws(Problem) {
        self.init(
            accounts: call.principal.accounts(among: try call.query("account", AccountID.init)),
            products: try call.query("product", ProductKey.init).map { [$0] },
            productName: call.query("productName"),
            device: try call.query("device", DeviceKey.init),
            activated: try Self.range(call, "activatedFrom", "activatedTo"),
            expires: try Self.range(call, "expiresFrom", "expiresTo")
        )
    }

    private static func range(
        _ call: Call,
        _ from: String,
        _ to: String
    ) throws(Problem) -> Range<Timestamp>? {
        let lower = try call.query(from) { Timestamp(timeOrDay: $0) }
        let upper = try call.query(to) { Timestamp(timeOrDay: $0) }
        guard lower != nil || upper != nil else { return nil }
        let start = lower ?? Timestamp(milliseconds: 0)
        let end = upper ?? Timestamp(milliseconds: 253_402_300_799_999)
        return start..<max(start, end)
    }
}
