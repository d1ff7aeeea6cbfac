import Time

@testable import Ledger
@testable import LedgerModel

/// Accounts, their products and codes once more, the simplest way: every code by itself (rules A1 to
/// A4, A7, A8, B13 and E1).
struct TenantModel {
    struct Account: Equatable {
        var name: String
        var kind: AccountKind
        var parent: AccountID?
        var email: EmailAddress?
        var home: DataCentreID
        var certifiedAt: Timestamp?
        var contacts: [EmailAddress: String] = [:]

        /// Products that it has had at once and was given codes for, with its sub-accounts'.
        var freeProducts = 0
        var unassigned: [PackageID: [UInt64]] = [:]
    }

    struct Product {
        var account: AccountID
        var home: DataCentreID
        var package: PackageID?

        /// Only free codes have brought it (rule A4).
        var isPackageFree = false

        /// What bought codes give, and free ones; those are of one package all over.
        var allowance: Allowance?
        var freeAllowance: Allowance?
        var isDeleted = false
        var pool: [UInt64] = []

        /// Their periods; open from the first connection on, as nothing is closed here.
        var devices: [DeviceKey: [Period]] = [:]

        var consumed: Int { devices.values.reduce(0) { $0 + $1.count } }
    }

    struct Period: Equatable {
        var entitlement: Entitlement
        var place: DataCentreID
    }

    struct Batch {
        var account: AccountID
        var first: UInt64
        var quantity: UInt64
        var package: PackageID
        var source: CodeSource
        var product: ProductKey?
    }

    var accounts: [AccountID: Account]
    var products: [ProductKey: Product]
    private(set) var batches: [Batch] = []
    private(set) var assignments: [(product: ProductKey, package: PackageID, quantity: UInt64)] =
        []
    private(set) var packages: Set<PackageID> = [TestStore.small, TestStore.large]
    private var nextSerial: UInt64 = 1
    private var answers: [String: (Action, String?)] = [:]

    /// What the rules were asked for, so that a test can tell that it came by.
    private(set) var seen: Set<String> = []

    init() {
        accounts = [TestStore.acme: Account(name: "Acme", kind: .enterprise, home: .main)]
        products = [TestStore.product: Product(account: TestStore.acme, home: .main)]
    }

    /// The refusal's name, or nil when the command is carried out.
    mutating func apply(_ command: Command) -> String? {
        guard let key = command.idempotencyKey else { return carryOut(command) }
        let action = Self.asked(command.action)
        if let (first, answer) = answers[key] {
            seen.insert(first == action ? "repeated" : "idempotency-key-reused")
            return first == action ? answer : "idempotency-key-reused"
        }
        let answer = carryOut(command)
        answers[key] = (action, answer)
        return answer
    }

    /// The terms of free codes are the gateway's, not the client's.
    private static func asked(_ action: Action) -> Action {
        switch action {
        case .accounts(.create(let new)):
            .accounts(
                .create(
                    NewAccount(
                        id: new.id, name: new.name, kind: new.kind, parent: new.parent,
                        email: new.email, dataCentre: new.dataCentre))
            )
        case .accounts(.certify(let id, _)): .accounts(.certify(id, freeCodes: nil))
        case .products(.create(let new)):
            .products(
                .create(
                    NewProduct(
                        key: new.key, name: new.name, account: new.account, package: new.package,
                        secret: new.secret, registration: new.registration,
                        dataCentre: new.dataCentre))
            )
        default: action
        }
    }

    private mutating func carryOut(_ command: Command) -> String? {
        let refusal = decide(command)
        seen.insert(refusal ?? command.action.kind)
        return refusal
    }

    private mutating func decide(_ command: Command) -> String? {
        let time = command.at
        switch command.action {
        case .accounts(let action): return carryOut(action, at: time)
        case .products(.create(let new)): return create(new)
        case .products(.delete(let key)):
            guard products[key]?.isDeleted == false else { return "unknown-product" }
            products[key]?.isDeleted = true
            return nil
        case .products(.upgradePackage(let key, let package)): return upgrade(key, package)
        case .codes(.purchase(let account, let package, let quantity, let product)):
            return purchase(account, package, quantity, product)
        case .codes(.assign(let product, let package?, let quantity)):
            return assign(product, package, quantity)
        case .devices(.activate(let identity, _, let place)):
            return connect(identity, at: time, place, cause: nil)
        case .devices(.renew(let identity, let place)):
            return connect(identity, at: time, place, cause: .renewal)
        case .devices(.activateByHand(let identity)):
            return connect(identity, at: time, nil, cause: .manual)
        default: return "not in the model"
        }
    }

    // MARK: Accounts

    private mutating func create(_ new: NewAccount) -> String? {
        if accounts[new.id] != nil { return "already-exists" }
        var kind = new.kind
        if let parent = new.parent {
            guard let record = accounts[parent] else { return "unknown-account" }
            if record.parent != nil { return "parent-is-sub-account" }
            kind = record.kind
        }
        accounts[new.id] = Account(
            name: new.name, kind: kind, parent: new.parent, email: new.email,
            home: new.dataCentre)
        if new.freeCodes?.policy == .perAccount, new.parent == nil {
            grant(kind == .enterprise ? 10 : 5, to: new.id, nil)
        }
        return nil
    }

    private mutating func carryOut(_ action: AccountAction, at time: Timestamp) -> String? {
        switch action {
        case .create(let new): return create(new)
        case .update(let id, let update):
            guard accounts[id] != nil else { return "unknown-account" }
            if let name = update.name { accounts[id]?.name = name }
            if let email = update.email { accounts[id]?.email = email }
        case .certify(let id, let terms):
            guard let account = accounts[id] else { return "unknown-account" }
            if account.parent != nil { return "certified-with-parent" }
            if account.kind == .enterprise { return "enterprise-already" }
            for (member, record) in accounts where member == id || record.parent == id {
                accounts[member]?.kind = .enterprise
                accounts[member]?.certifiedAt = time
            }
            if terms?.policy == .perAccount { grant(5, to: id, nil) }
        case .putContact(let id, let contact):
            guard let owner = owner(id) else { return "unknown-account" }
            accounts[owner]?.contacts[contact.email] = contact.name
        case .removeContact(let id, let email):
            guard let owner = owner(id) else { return "unknown-account" }
            guard accounts[owner]?.contacts.removeValue(forKey: email) != nil else {
                return "unknown-contact"
            }
        }
        return nil
    }

    /// Rule E1: a sub-account's contacts are its parent's.
    func owner(_ id: AccountID) -> AccountID? { accounts[id].map { $0.parent ?? id } }

    // MARK: Codes

    private mutating func create(_ new: NewProduct) -> String? {
        if products[new.key] != nil { return "already-exists" }
        guard let account = accounts[new.account] else { return "unknown-account" }
        if let package = new.package, !packages.contains(package) { return "unknown-package" }
        products[new.key] = Product(
            account: new.account, home: new.dataCentre, package: new.package,
            allowance: new.package.flatMap { Self.allowances[$0] })
        let root = account.parent ?? new.account
        let living = products.values.count { product in
            !product.isDeleted && (accounts[product.account]?.parent ?? product.account) == root
        }
        if new.freeCodes?.policy == .perProduct,
            living > accounts[root]?.freeProducts ?? 0
        {
            accounts[root]?.freeProducts = living
            grant(account.kind == .enterprise ? 100 : 20, to: new.account, new.key)
        }
        return nil
    }

    private mutating func grant(_ quantity: UInt64, to account: AccountID, _ product: ProductKey?) {
        packages.insert(TenantSource.free)
        enter(.grant, account, TenantSource.free, quantity, product)
        seen.insert("\(quantity) free")
    }

    private mutating func enter(
        _ source: CodeSource,
        _ account: AccountID,
        _ package: PackageID,
        _ quantity: UInt64,
        _ product: ProductKey?
    ) {
        batches.append(
            Batch(
                account: account, first: nextSerial, quantity: quantity, package: package,
                source: source, product: product))
        let serials = Array(nextSerial..<nextSerial + quantity)
        nextSerial += quantity
        if let product {
            give(serials, package, to: product)
        } else {
            accounts[account]?.unassigned[package, default: []] += serials
        }
    }

    static let allowances = TestStore.allowances.merging(
        [TenantSource.free: TenantSource.terms(.perAccount).allowance]
    ) { one, _ in one }

    private mutating func give(_ serials: [UInt64], _ package: PackageID, to key: ProductKey) {
        guard var product = products[key] else { return }
        product.pool += serials
        for serial in serials {
            if product.package == nil || (product.isPackageFree && !isFree(serial)) {
                if product.package != nil { seen.insert("free package replaced") }
                product.package = package
                product.allowance = Self.allowances[package]
                product.isPackageFree = isFree(serial)
            }
            if isFree(serial), product.freeAllowance == nil {
                if !product.isPackageFree { seen.insert("free codes joined") }
                product.freeAllowance = Self.allowances[package]
            }
        }
        products[key] = product
    }

    /// Rule A5.
    private mutating func upgrade(_ key: ProductKey, _ package: PackageID) -> String? {
        guard var product = products[key], !product.isDeleted else { return "unknown-product" }
        guard packages.contains(package), let target = Self.allowances[package] else {
            return "unknown-package"
        }
        guard let old = product.allowance else { return "product-has-no-package" }
        if product.package == package { return nil }
        if !product.isPackageFree, target.lowered(from: old) != nil { return "allowance-lowered" }
        product.package = package
        product.allowance = target
        product.isPackageFree = false
        if let free = product.freeAllowance {
            let messages = max(free.messagesPerDay!, target.messagesPerDay!)
            product.freeAllowance = Allowance(
                validityDays: max(free.validityDays, target.validityDays), messagesPerDay: messages,
                otaPerMonth: max(free.otaPerMonth, target.otaPerMonth),
                storageDays: max(free.storageDays, target.storageDays))
            seen.insert("free codes raised")
        }
        products[key] = product
        return nil
    }

    /// What the code gives its device (rule A4).
    func allowance(of code: UInt64, in product: Product) -> Allowance? {
        isFree(code) ? product.freeAllowance : product.allowance
    }

    func isFree(_ serial: UInt64) -> Bool {
        batches.last { $0.first <= serial }?.source == .grant
    }

    private func hasFreePackage(_ product: ProductKey?) -> Bool {
        product.flatMap { products[$0]?.isPackageFree } ?? false
    }

    private mutating func purchase(
        _ account: AccountID,
        _ package: PackageID,
        _ quantity: UInt64,
        _ key: ProductKey?
    ) -> String? {
        guard accounts[account] != nil else { return "unknown-account" }
        if let key {
            guard let product = products[key], !product.isDeleted else { return "unknown-product" }
            if product.account != account { return "product-of-another-account" }
        }
        if quantity == 0 { return "quantity-out-of-range" }
        if !packages.contains(package) { return "unknown-package" }
        if let product = key.flatMap({ products[$0] }), !takes(package, product, isFree: false) {
            return "package-mismatch"
        }
        enter(.purchase, account, package, quantity, key)
        return nil
    }

    /// Whether codes of the package may join the product's.
    private func takes(_ package: PackageID, _ product: Product, isFree: Bool) -> Bool {
        if isFree { return product.freeAllowance == nil || package == TenantSource.free }
        return product.package == nil || product.package == package || product.isPackageFree
    }

    /// The account's codes of the package that may join the product's, in order.
    func joining(_ product: Product, _ package: PackageID) -> [UInt64] {
        let held = accounts[product.account]?.unassigned[package] ?? []
        return held.filter { takes(package, product, isFree: isFree($0)) }
    }

    private mutating func assign(
        _ key: ProductKey,
        _ package: PackageID,
        _ quantity: UInt64
    ) -> String? {
        guard let product = products[key], !product.isDeleted else { return "unknown-product" }
        if quantity == 0 { return "quantity-out-of-range" }
        if !packages.contains(package) { return "unknown-package" }
        let held = accounts[product.account]?.unassigned[package] ?? []
        let joining = joining(product, package)
        let mayBeBought = takes(package, product, isFree: false)
        let mayBeFree = product.freeAllowance != nil && package == TenantSource.free
        if product.package != nil, joining.isEmpty, !held.isEmpty || !(mayBeBought || mayBeFree) {
            return "package-mismatch"
        }
        if joining.count < Int(quantity) { return "not-enough-unassigned" }
        let taken = Array(joining.prefix(Int(quantity)))
        if taken != Array(held.prefix(Int(quantity))) { seen.insert("some passed over") }
        give(taken, package, to: key)
        accounts[product.account]?.unassigned[package] = held.filter { !taken.contains($0) }
        assignments.append((key, package, quantity))
        return nil
    }

    /// `cause` is what the caller says that it is; nil for a device that connects.
    private mutating func connect(
        _ identity: DeviceIdentity,
        at time: Timestamp,
        _ place: DataCentreID?,
        cause: ActivationCause?
    ) -> String? {
        guard var product = products[identity.product], !product.isDeleted else {
            return "unknown-product"
        }
        let last = product.devices[identity.device]?.last?.entitlement
        if cause == .manual, last == nil { return "unknown-device" }
        if let last, time < last.expiresAt { return cause == .manual ? "entitlement-runs" : nil }
        guard product.package != nil, !product.pool.isEmpty else { return "no-code-left" }
        let code = product.pool.removeFirst()
        let length = Int64(allowance(of: code, in: product)!.validityDays)
        var start = time
        if cause == .renewal, let last, time < last.expiresAt.adding(days: length) {
            start = last.expiresAt
        }
        let entitlement = Entitlement(
            code: ActivationCode(serial: code),
            period: (last?.period ?? 0) + 1,
            activatedAt: start,
            expiresAt: start.adding(days: length),
            cause: cause == .manual ? .manual : last == nil ? .first : .renewal
        )
        let period = Period(entitlement: entitlement, place: place ?? product.home)
        if period.place != product.home { seen.insert("elsewhere") }
        product.devices[identity.device, default: []].append(period)
        products[identity.product] = product
        return nil
    }

    // MARK: Figures

    /// Rule A1; with a data centre, what is counted there (rule B13).
    func figures(of id: AccountID, at centre: DataCentreID?) -> AccountFigures {
        var (used, remaining, unassigned) = (0, 0, 0)
        if let account = accounts[id], centre == nil || centre == account.home {
            unassigned = account.unassigned.values.reduce(0) { $0 + $1.count }
        }
        for product in products.values
        where product.account == id && (centre == nil || centre == product.home) {
            used += product.consumed
            if !product.isDeleted { remaining += product.pool.count }
        }
        return AccountFigures(
            total: UInt64(used + remaining + unassigned),
            used: UInt64(used),
            remaining: UInt64(remaining + unassigned),
            unassigned: UInt64(unassigned)
        )
    }

    /// `package bought granted assigned`, by package.
    func holdings(of id: AccountID) -> [String] {
        let own = batches.filter { $0.account == id }
        return Set(own.map(\.package)).sorted().map { package in
            func sum(_ source: CodeSource) -> UInt64 {
                own.filter { $0.package == package && $0.source == source }
                    .reduce(0) { $0 + $1.quantity }
            }
            let all = sum(.purchase) + sum(.grant)
            let left = UInt64(accounts[id]?.unassigned[package]?.count ?? 0)
            return "\(package) \(sum(.purchase)) \(sum(.grant)) \(all - left)"
        }
    }
}
