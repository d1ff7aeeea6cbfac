import Gateway
import Hummingbird
import Ledger
import Storage
import Time

/// Codes: bought, assigned, consumed, about to end.
extension Routes {
    func registerCodes() {
        registerPurchases()
        registerAssignments()
        on(.get, "products/:pk/codes") { call in
            let (key, _) = try call.product()
            let filter = try ActivationFilter(call)
            let (cursor, limit) = try call.page()
            let page = try call.read { (books, transaction) throws(StoreError) in
                try books.consumedCodes(
                    of: key, filter, cursor: cursor, limit: limit, in: transaction)
            }
            return call.list(page.elements.map(Documents.activation), cursor: page.cursor)
        }
        on(.get, "near-expiry") { call in
            var filter = try ActivationFilter(call)
            if let account = call.principal.account { filter.accounts = [account] }
            let days = try call.query("days", "a whole number from 1 to 3650") { text in
                Int64(text).flatMap { (1...3_650).contains($0) ? $0 : nil }
            }
            let within = days ?? Int64(call.configuration.activation.nearExpiryDays)
            let now = call.controlPlane.now
            let milliseconds = now.adding(days: within).milliseconds(since: now)
            let (cursor, limit) = try call.page()
            let page = try call.read { [filter] (books, transaction) throws(StoreError) in
                try books.nearExpiry(
                    at: now, withinMilliseconds: milliseconds, filter, cursor: cursor,
                    limit: limit, in: transaction)
            }
            let reached = page.elements.filter {
                call.principal.reaches($0.identity.product, of: $0.account)
            }
            return call.list(reached.map(Documents.nearExpiry), cursor: page.cursor)
        }
    }

    private func registerPurchases() {
        on(.post, "accounts/:id/purchases") { call in
            try call.principal.requireOperator()
            let account = try call.account()
            var fields = try await call.fields()
            let package = try fields.required("package", "a package's id", PackageID.init)
            let quantity = try fields.number("quantity", in: Self.quantities)
            let product = try fields.optional("product", "a product's key", ProductKey.init)
            try fields.end()
            let effect = try await call.submit(
                .purchase(account, package: package, quantity: UInt64(quantity), product: product)
            )
            guard case .changed(.codesBought(_, _, _, _, let first)) = effect else {
                preconditionFailure("a purchase buys codes")
            }
            let purchase = try call.read { (books, transaction) throws(StoreError) in
                try books.purchase(of: first, in: transaction)
            }
            let document = purchase.map(Documents.purchase) ?? .null
            return call.created(document, at: "/v1/accounts/\(account)/purchases")
        }
        on(.get, "accounts/:id/purchases") { call in
            let account = try call.account()
            let (cursor, limit) = try call.page()
            let page = try call.read { (books, transaction) throws(StoreError) in
                try books.purchases(of: account, cursor: cursor, limit: limit, in: transaction)
            }
            return call.list(page.elements.map(Documents.purchase), cursor: page.cursor)
        }
    }

    private static let quantities = 1...Int64(clamping: Books.quantityMaximum)

    private func registerAssignments() {
        on(.post, "accounts/:id/assignments") { call in
            let account = try call.account()
            var fields = try await call.fields()
            let key = try fields.required("product", "a product's key", ProductKey.init)
            let quantity = UInt64(try fields.number("quantity", in: Self.quantities))
            let given = try fields.optional("package", "a package's id", PackageID.init)
            try fields.end()
            let record = try call.product(key)
            guard record.account == account else {
                throw Problem(.productOfAnotherAccount(key, account))
            }
            guard let package = given ?? record.package else {
                throw Problem.invalid("package: is missing, and product \(key) has none yet")
            }
            try await call.submit(.assign(key, package: package, quantity: quantity))
            let document: JSON = [
                "product": JSON(key), "quantity": JSON(quantity), "package": JSON(package),
                "account": JSON(account),
            ]
            return call.created(document, at: "/v1/accounts/\(account)/assignments")
        }
        on(.get, "accounts/:id/assignments") { call in
            let account = try call.account()
            let product = call.query("product")
            let (cursor, limit) = try call.page()
            let page = try call.read { (books, transaction) throws(StoreError) in
                try books.assignments(
                    of: account, matching: product, cursor: cursor, limit: limit, in: transaction)
            }
            return call.list(page.elements.map(Documents.assignment), cursor: page.cursor)
        }
        on(.get, "accounts/:id/assignable") { call in
            let account = try call.account()
            guard
                let key = try call.query("product", "a product's key", ProductKey.init)
            else { throw Problem.invalid("product: is missing") }
            guard try call.product(key).account == account else {
                throw Problem(.productOfAnotherAccount(key, account))
            }
            let found = try call.read { (books, transaction) throws(StoreError) in
                try books.assignable(to: key, in: transaction)
            }
            return .json([
                "product": JSON(key),
                "quantity": JSON(found.reduce(0) { $0 + $1.quantity }),
                "packages": .array(
                    found.map { ["package": JSON($0.package), "quantity": JSON($0.quantity)] }
                ),
            ])
        }
    }
}

extension ActivationFilter {
    /// `account`, `product`, `productName`, `device`, and the four ends of the two ranges of time,
    /// each beginning with its first instant and ending before its last: `activatedFrom`,
    /// `activatedTo`, `expiresFrom`, `expiresTo`.
    init(_ call: Call) throws(Problem) {
        self.init(
            accounts: try call.query("account", "an account's id", AccountID.init).map { [$0] },
            product: try call.query("product", "a product's key", ProductKey.init),
            productName: call.query("productName"),
            device: try call.query("device", "a device's key", DeviceKey.init),
            activated: try Self.range(call, "activatedFrom", "activatedTo"),
            expires: try Self.range(call, "expiresFrom", "expiresTo")
        )
    }

    private static func range(
        _ call: Call,
        _ from: String,
        _ to: String
    ) throws(Problem) -> Range<Timestamp>? {
        let what = "a time like 2026-11-21T08:00:00Z"
        let lower = try call.query(from, what) { Timestamp($0) }
        let upper = try call.query(to, what) { Timestamp($0) }
        guard lower != nil || upper != nil else { return nil }
        let start = lower ?? Timestamp(milliseconds: 0)
        let end = upper ?? Timestamp(milliseconds: 253_402_300_799_999)
        guard start <= end else { throw .invalid("\(from): must not be after \(to)") }
        return start..<end
    }
}
