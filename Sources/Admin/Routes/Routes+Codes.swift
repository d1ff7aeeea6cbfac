import Gateway
import Hummingbird
import Ledger
import Time

/// Codes: bought, assigned, consumed, about to end.
extension Routes {
    mutating func registerCodes() {
        on(
            .post, "accounts/:account/purchases", "buyCodes", "Buy codes of a package (rule A2)",
            access: .operators,
            body: .json([
                "package": .id(PackageID.self),
                "quantity": Self.quantity,
                "product": .optional(.id(ProductKey.self), "Assigns them to that product at once."),
            ]),
            answers: .created(Documents.purchase),
            problems: [
                .unknownPackage, .unknownProduct, .productOfAnotherAccount, .packageMismatch,
            ]
        ) { call in
            let account = try call.account()
            let fields = try await call.fields()
            let package = try fields.required("package", PackageID.init)
            let quantity = UInt64(try fields.number("quantity"))
            let product = try fields.optional("product", ProductKey.init)
            if let product { try call.product(product, of: account) }
            let action = CodeAction.purchase(
                account, package: package, quantity: quantity, product: product)
            let document = try await call.submit(.codes(action)) { effect in
                guard case .changed(.codes(.bought(_, _, _, _, let first))) = effect else {
                    preconditionFailure("a purchase buys codes")
                }
                let purchase = try call.read { try $0.purchase(of: first, in: $1) }
                return purchase.map { Documents.purchase($0) } ?? .null
            }
            return call.created(document, at: "/v1/accounts/\(account)/purchases")
        }
        on(
            .get, "accounts/:account/purchases", "listPurchases",
            "The purchases and grants of an account", answers: .page(of: Documents.purchase)
        ) { call in
            let account = try call.account()
            return try call.list(Documents.purchase, where: { call.reaches($0.record.product) }) {
                try $0.purchases(of: account, cursor: $1, limit: $2, in: $3)
            }
        }
        registerAssignments()
        on(
            .get, "accounts/:account/assignable", "showAssignable",
            "How many codes can be assigned to a product (rule A6)",
            query: [Parameter("product", .id(ProductKey.self), "Which one.", isRequired: true)],
            answers: .ok(Documents.assignable),
            problems: [.unknownProduct, .productOfAnotherAccount]
        ) { call in
            let account = try call.account()
            guard let key = try call.query("product", ProductKey.init) else {
                throw Problem.invalid("product: is missing")
            }
            try call.product(key, of: account)
            let found = try call.read { try $0.assignable(to: key, in: $1) }
            return .json(Documents.assignable((key, found)))
        }
        on(
            .get, "products/:pk/codes", "listCodes",
            "The consumed codes of a product (rule B10), by activation, or by expiry when that is"
                + " asked for more closely",
            query: ActivationFilter.parameters, answers: .page(of: Documents.activation)
        ) { call in
            let (key, _) = try call.product()
            let filter = try ActivationFilter(call)
            return try call.list(Documents.activation) {
                try $0.consumedCodes(of: key, filter, cursor: $1, limit: $2, in: $3)
            }
        }
        on(
            .get, "near-expiry", "listNearExpiry",
            "Devices whose activation is about to end (rule B11)",
            query: ActivationFilter.parameters + [
                Parameter("days", .integer(1...3_650), "Within so many days.")
            ],
            answers: .page(of: Documents.nearExpiry)
        ) { call in
            var filter = try ActivationFilter(call)
            if let products = call.principal.products {
                filter.products = filter.products.map { $0.filter(products.contains) } ?? products
            }
            let days = try call.query("days") { Int64($0) }
            let within = days ?? Int64(call.configuration.activation.nearExpiryDays)
            let now = call.controlPlane.now
            let milliseconds = now.adding(days: within).milliseconds(since: now)
            return try call.list(Documents.nearExpiry) {
                try $0.nearExpiry(
                    at: now, withinMilliseconds: milliseconds, filter, cursor: $1, limit: $2,
                    in: $3)
            }
        }
    }

    /// Of codes, at once.
    private static let quantity = Schema.integer(1...Int64(clamping: Books.quantityMaximum))

    private mutating func registerAssignments() {
        on(
            .post, "accounts/:account/assignments", "assignCodes",
            "Assign unassigned codes to a product (rule A3)",
            body: .json([
                "product": .id(ProductKey.self),
                "quantity": Self.quantity,
                "package": .optional(
                    .id(PackageID.self),
                    "By default all that can be assigned (rule A6), bought codes first."),
            ]),
            answers: .created(Documents.newAssignment),
            problems: [
                .unknownProduct, .unknownPackage, .productOfAnotherAccount,
                .productHasNoPackage, .packageMismatch, .notEnoughUnassigned,
            ]
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
            return call.created(
                Documents.newAssignment((key, quantity, package, account)),
                at: "/v1/accounts/\(account)/assignments")
        }
        on(
            .get, "accounts/:account/assignments", "listAssignments",
            "The assignments of an account, the latest first (rule A3)",
            query: [Parameter("product", .optionalName, "A product's key, or part of its name.")],
            answers: .page(of: Documents.assignment)
        ) { call in
            let account = try call.account()
            let product = call.query("product")
            let reaches = { (assignment: Assignment) in call.reaches(assignment.record.product) }
            return try call.list(Documents.assignment, where: reaches) {
                try $0.assignments(of: account, matching: product, cursor: $1, limit: $2, in: $3)
            }
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
    /// Each range of time begins with its first instant and ends before its last.
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

/// What owners take back (rules A11 and B17).
extension Routes {
    private static let cause = Schema.noted(.name, "Why; the history keeps it.")

    mutating func registerCorrections() {
        on(
            .post, "accounts/:account/purchases/:code/void", "voidPurchase",
            "Void the codes of a purchase that are not consumed; its first code names it (rule A11)",
            access: .owner, body: .json(["cause": Self.cause]), answers: .ok(.correction),
            problems: [.nothingToVoid]
        ) { call in
            let action = CorrectionAction.voidPurchase(
                try call.account(),
                first: call.parameter("code") { ActivationCode($0) ?? ActivationCode(serial: 0) },
                cause: try await call.fields().text("cause"))
            return try await Self.correct(action, call)
        }
        on(
            .post, "accounts/:account/assignments/:assignment/void", "voidAssignment",
            "Take the codes of an assignment back that are not consumed (rule A11)", access: .owner,
            body: .json(["cause": Self.cause]), answers: .ok(.correction),
            problems: [.nothingToVoid]
        ) { call in
            let action = CorrectionAction.voidAssignment(
                try call.account(),
                sequence: call.parameter("assignment") { UInt64($0) },
                cause: try await call.fields().text("cause"))
            return try await Self.correct(action, call)
        }
        on(
            .post, "accounts/:account/topups/:topup/void", "voidTopUp",
            "Void the units of a top-up pack that are not used; its id names it (rule A11)",
            access: .owner, body: .json(["cause": Self.cause]), answers: .ok(.correction),
            problems: [.nothingToVoid]
        ) { call in
            let action = CorrectionAction.voidTopUp(
                try call.account(), pack: call.parameter("topup") { UInt64($0) },
                cause: try await call.fields().text("cause"))
            return try await Self.correct(action, call)
        }
        on(
            .post, "products/:pk/devices/:dk/void-activation", "voidActivation",
            "Take back the latest code that a device has consumed (rule A11)", access: .owner,
            body: .json(["cause": Self.cause]), answers: .ok(.correction),
            problems: [.nothingConsumed]
        ) { call in
            let (identity, _) = try call.identity()
            let cause = try await call.fields().text("cause")
            return try await Self.correct(.voidConsumption(identity, cause: cause), call)
        }
        on(
            .post, "products/:pk/devices/:dk/move", "moveEntitlement",
            "Give a device's running entitlement to another one: return and repair (rule B17)",
            access: .owner,
            body: .json([
                "to": .noted(.id(DeviceKey.self), "A device of the same product."),
                "cause": Self.cause,
            ]),
            answers: .ok(.correction), problems: [.nothingRuns, .entitlementRuns, .deviceDisabled]
        ) { call in
            let (identity, _) = try call.identity()
            let fields = try await call.fields()
            let action = CorrectionAction.move(
                identity, to: try fields.required("to", DeviceKey.init),
                cause: try fields.text("cause"))
            return try await Self.correct(action, call)
        }
    }

    private static func correct(_ action: CorrectionAction, _ call: Call) async throws -> Response {
        guard
            case .changed(.corrections(let correction)) = try await call.submit(
                .corrections(action))
        else { preconditionFailure("a correction corrects") }
        return .json(Documents.correction(correction))
    }
}
