import Cryptography
import Gateway
public import Ledger
import Storage
public import Time

// The commands that tests begin with.
extension TestGateway {
    /// Carries out a command as `tester`; throws when it is refused.
    @discardableResult
    public func submit(_ action: Action, idempotencyKey: String? = nil) async throws -> Effect {
        let outcome = try await gateway.submit(
            Command(
                at: gateway.now,
                actor: "tester",
                idempotencyKey: idempotencyKey,
                action: action
            )
        )
        switch outcome {
        case .done(let effect), .repeated(let effect): return effect
        case .refused(let refusal): throw TestGatewayError.refused(refusal)
        }
    }

    /// An account, a package and a product of that name, with `codes` codes in the product's pool.
    public func createProduct(
        _ name: String = "lamp",
        codes: UInt64 = 10,
        messagesPerDay: UInt64? = nil,
        validityDays: UInt32 = 365,
        registration: RegistrationPolicy = .imported,
        dayOffset: UTCOffset = .utc
    ) async throws -> TestProduct {
        guard let key = ProductKey(name), let account = AccountID("account-\(name)"),
            let package = PackageID("package-\(name)"),
            let secret = Secret("product-secret-\(name)"),
            let allowance = Allowance(
                validityDays: validityDays,
                messagesPerDay: messagesPerDay,
                otaPerMonth: 1,
                storageDays: 7
            )
        else { preconditionFailure("'\(name)' names no product") }
        try await submit(.accounts(.create(NewAccount(id: account, name: name, kind: .enterprise))))
        try await submit(.packages(.create(package, name: name, allowance)))
        try await submit(
            .products(
                .create(
                    NewProduct(
                        key: key, name: name, account: account, package: package,
                        secret: try gateway.secretKeys.seal(secret, for: key),
                        registration: registration, dayOffset: dayOffset))
            )
        )
        let product = TestProduct(key: key, secret: secret, account: account, package: package)
        if codes > 0 { try await buy(codes, for: product) }
        return product
    }

    /// The product of an account with ten free codes, so many of them its own, and nothing bought yet. Its
    /// package is one that can be bought.
    public func createProductOfFreeCodes(
        _ name: String = "lamp",
        codes: UInt64,
        freeMessagesPerDay: UInt64?,
        messagesPerDay: UInt64?,
        validityDays: UInt32 = 1
    ) async throws -> TestProduct {
        func allowance(_ messagesPerDay: UInt64?) -> Allowance? {
            Allowance(
                validityDays: validityDays, messagesPerDay: messagesPerDay, otaPerMonth: 1,
                storageDays: 7)
        }
        guard let key = ProductKey(name), let account = AccountID("account-\(name)"),
            let package = PackageID("package-\(name)"), let free = PackageID("free-\(name)"),
            let secret = Secret("product-secret-\(name)"),
            let given = allowance(freeMessagesPerDay), let bought = allowance(messagesPerDay)
        else { preconditionFailure("'\(name)' names no product") }
        let terms = FreeCodeTerms(policy: .perAccount, package: free, allowance: given)
        let owner = NewAccount(id: account, name: name, kind: .enterprise, freeCodes: terms)
        try await submit(.accounts(.create(owner)))
        try await submit(.packages(.create(package, name: name, bought)))
        let new = NewProduct(
            key: key, name: name, account: account,
            secret: try gateway.secretKeys.seal(secret, for: key), registration: .imported)
        try await submit(.products(.create(new)))
        if codes > 0 { try await submit(.codes(.assign(key, package: free, quantity: codes))) }
        return TestProduct(key: key, secret: secret, account: account, package: package)
    }

    /// Buys codes straight into the product's pool.
    public func buy(_ codes: UInt64, for product: TestProduct) async throws {
        try await submit(
            .codes(
                .purchase(
                    product.account, package: product.package, quantity: codes, product: product.key
                )
            )
        )
    }

    /// Imports a device with a secret of its own.
    public func importDevice(
        _ name: String,
        into product: TestProduct
    ) async throws -> TestDevice {
        try await importDevices([name], into: product)[0]
    }

    /// Imports devices, each with a secret of its own.
    public func importDevices(
        _ names: [String],
        into product: TestProduct
    ) async throws -> [TestDevice] {
        let devices = names.map { name in
            guard let secret = Secret("secret-of-\(name)") else {
                preconditionFailure("'\(name)' makes no secret")
            }
            return TestDevice(identity: product.identity(name), secret: secret)
        }
        try await submit(
            .imports(.atOnce(product.key, try devices.map { try $0.row(with: gateway.secretKeys) }))
        )
        return devices
    }

    /// Lets a device of that name register itself, when the product's policy is `imported`.
    public func importUnregistered(
        _ name: String,
        into product: TestProduct
    ) async throws -> DeviceIdentity {
        let identity = product.identity(name)
        try await submit(
            .imports(.atOnce(product.key, [DeviceImport(device: identity.device, secret: nil)]))
        )
        return identity
    }

    /// An application's key, of an account or of none; `nil` products: all of them.
    public func createApplication(
        _ name: String = "backend",
        account: AccountID? = nil,
        products: [TestProduct]? = nil
    ) async throws -> TestApplication {
        let secret = "secret-of-\(name)"
        let digest = SHA256.hash(secret.utf8Span.span)
        let bytes = (0..<SHA256Digest.length).map { digest.span[$0] }
        guard let key = KeyID(name), let hash = SecretHash(bytes) else {
            preconditionFailure("'\(name)' names no key")
        }
        try await submit(
            .keys(
                .create(
                    NewKey(
                        id: key, name: name, role: .application, account: account,
                        products: products?.map(\.key), secretHash: hash))
            )
        )
        return TestApplication(key: key, secret: secret)
    }

    /// The product's figures, as the books have them.
    public func figures(of product: TestProduct) throws -> ProductFigures? {
        try gateway.ledger.read { (books, transaction) throws(StoreError) in
            try books.figures(of: product.key, in: transaction)
        }
    }

    /// The device's record, as the books have it.
    public func record(of device: DeviceIdentity) throws -> DeviceRecord? {
        try gateway.ledger.read { (books, transaction) throws(StoreError) in
            try books.device(device, in: transaction)
        }
    }
}
