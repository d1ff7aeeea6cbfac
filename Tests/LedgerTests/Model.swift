import Time

@testable import Ledger
@testable import LedgerModel

/// The rules once more, the simplest way: every code by itself, no counter, no index.
struct Model {
    struct Device: Equatable {
        var isRegistered = true
        var isDisabled = false
        var isExcepted = false
        var isOpen = false
        var secret: SealedSecret?
        var isConfirmed = false
        var periods: [Entitlement] = []

        var isActive: Bool { isRegistered && isOpen && !isDisabled }
    }

    struct Product {
        var package: PackageID?
        var renewal = true
        var registration = RegistrationPolicy.open
        var isDeleted = false
        var pool: [UInt64] = []
        var devices: [String: Device] = [:]

        var consumed: Int { devices.values.reduce(0) { $0 + $1.periods.count } }
    }

    private(set) var products: [String: Product] = [:]
    private(set) var unassigned: [PackageID: [UInt64]] = [:]
    private(set) var purchases: [(first: UInt64, quantity: UInt64)] = []
    private(set) var assignments: [(product: String, package: PackageID, quantity: UInt64)] = []
    private var nextSerial: UInt64 = 1
    private var answers: [String: (Action, String?)] = [:]

    static let validity: [PackageID: Int64] = [TestStore.small: 10, TestStore.large: 20]

    init() { for key in CommandSource.products { products[key] = Product() } }

    /// The refusal's name, or nil when the command is carried out.
    mutating func apply(_ command: Command) -> String? {
        guard let key = command.idempotencyKey else { return carryOut(command) }
        if let (action, answer) = answers[key] {
            return action == command.action ? answer : "idempotency-key-reused"
        }
        let answer = carryOut(command)
        answers[key] = (command.action, answer)
        return answer
    }

    private mutating func carryOut(_ command: Command) -> String? {
        let time = command.at
        switch command.action {
        case .devices(.activate(let identity, let confirms, _)):
            return connect(identity, at: time, online: false, confirms: confirms)
        case .devices(.renew(let identity, _)):
            return connect(identity, at: time, online: true, confirms: nil)
        case .devices(.activateByHand(let identity)): return activateByHand(identity, at: time)
        case .devices(.endEntitlement(let identity)): return end(identity, at: time)
        case .devices(.endExpired(let limit, let grace)):
            endExpired(Int(limit), at: time.adding(milliseconds: -grace))
            return nil
        case .codes(.purchase(_, let package, let quantity, let product)):
            return purchase(package, quantity, product)
        case .codes(.assign(let product, let package, let quantity)):
            return assign(product, package, quantity)
        case .products(.upgradePackage(let product, let package)): return upgrade(product, package)
        case .products(.update(let product, let update)):
            return change(product) { product in
                if let renewal = update.autoRenewal { product.renewal = renewal }
                if let registration = update.registration { product.registration = registration }
            }
        case .products(.delete(let product)): return change(product) { $0.isDeleted = true }
        default: return carryOutOnDevice(command.action)
        }
    }

    private mutating func carryOutOnDevice(_ action: Action) -> String? {
        switch action {
        case .devices(.delete(let identity)):
            return change(identity) { device in
                device?.isRegistered = false
                if device?.periods.isEmpty == true, device?.isExcepted == false { device = nil }
            }
        case .devices(.setDisabled(let identity, let isDisabled)):
            return change(identity, evenIfDeleted: true) { $0?.isDisabled = isDisabled }
        case .devices(.setRenewal(let identity, let isOn)):
            if let product = products[identity.product.text], !product.isDeleted, !product.renewal {
                return "product-renewal-off"
            }
            return change(identity) { $0?.isExcepted = !isOn }
        case .devices(.resetSecret(let identity, let secret)):
            return change(identity) { device in
                device?.secret = secret
                device?.isConfirmed = false
            }
        case .devices(.confirmSecretUse(let identity, let proven)):
            return change(identity) { device in
                if device?.secret?.fingerprint == proven { device?.isConfirmed = true }
            }
        case .devices(.register(let identity, let secret)): return register(identity, secret)
        case .imports(.atOnce(let product, let rows)): return importDevices(product, rows)
        default: return "not in the model"
        }
    }

    private mutating func change(
        _ key: ProductKey,
        _ body: (inout Product) -> Void
    ) -> String? {
        guard var product = products[key.text], !product.isDeleted else { return "unknown-product" }
        body(&product)
        products[key.text] = product
        return nil
    }

    private mutating func change(
        _ identity: DeviceIdentity,
        evenIfDeleted: Bool = false,
        _ body: (inout Device?) -> Void
    ) -> String? {
        guard var product = products[identity.product.text], !product.isDeleted else {
            return "unknown-product"
        }
        var device = product.devices[identity.device.text]
        guard device != nil, device?.isRegistered == true || evenIfDeleted else {
            return "unknown-device"
        }
        body(&device)
        product.devices[identity.device.text] = device
        products[identity.product.text] = product
        return nil
    }

    private mutating func connect(
        _ identity: DeviceIdentity,
        at time: Timestamp,
        online: Bool,
        confirms: SecretFingerprint?
    ) -> String? {
        guard var product = products[identity.product.text], !product.isDeleted else {
            return "unknown-product"
        }
        var device = product.devices[identity.device.text]
        if device == nil, product.registration != .open { return "unknown-device" }
        if device?.isDisabled == true { return "device-disabled" }
        let last = device?.periods.last
        if let last, time < last.expiresAt {
            device?.isRegistered = true
            device?.isOpen = true
        } else {
            if last != nil, !product.renewal || device?.isExcepted == true { return "renewal-off" }
            guard let package = product.package, let days = Self.validity[package],
                !product.pool.isEmpty
            else { return "no-code-left" }
            var start = time
            if online, let last, time < last.expiresAt.adding(days: days) { start = last.expiresAt }
            device = device ?? Device()
            device?.isRegistered = true
            device?.isOpen = true
            device?.periods.append(
                Entitlement(
                    code: ActivationCode(serial: product.pool.removeFirst()),
                    period: (last?.period ?? 0) + 1,
                    activatedAt: start,
                    expiresAt: start.adding(days: days),
                    cause: last == nil ? .first : .renewal
                )
            )
        }
        if let confirms, device?.secret?.fingerprint == confirms { device?.isConfirmed = true }
        product.devices[identity.device.text] = device
        products[identity.product.text] = product
        return nil
    }

    private mutating func activateByHand(_ identity: DeviceIdentity, at time: Timestamp) -> String?
    {
        guard var product = products[identity.product.text], !product.isDeleted else {
            return "unknown-product"
        }
        guard var device = product.devices[identity.device.text], device.isRegistered else {
            return "unknown-device"
        }
        if device.isDisabled { return "device-disabled" }
        if let last = device.periods.last, time < last.expiresAt { return "entitlement-runs" }
        guard let package = product.package, let days = Self.validity[package],
            !product.pool.isEmpty
        else { return "no-code-left" }
        device.isOpen = true
        device.periods.append(
            Entitlement(
                code: ActivationCode(serial: product.pool.removeFirst()),
                period: UInt32(device.periods.count + 1),
                activatedAt: time,
                expiresAt: time.adding(days: days),
                cause: .manual
            )
        )
        product.devices[identity.device.text] = device
        products[identity.product.text] = product
        return nil
    }

    private mutating func end(_ identity: DeviceIdentity, at time: Timestamp) -> String? {
        guard let device = products[identity.product.text]?.devices[identity.device.text] else {
            return "unknown-device"
        }
        if let last = device.periods.last, time >= last.expiresAt {
            products[identity.product.text]?.devices[identity.device.text]?.isOpen = false
        }
        return nil
    }

    private mutating func endExpired(_ limit: Int, at latest: Timestamp) {
        let due = open().filter { $0.0 <= latest }.prefix(limit)
        for (_, product, device) in due { products[product]?.devices[device]?.isOpen = false }
    }

    /// Open entitlements by expiry, product and device.
    func open() -> [(Timestamp, String, String)] {
        products.flatMap { product in
            product.value.devices.compactMap { device in
                guard device.value.isOpen, let last = device.value.periods.last else { return nil }
                return (last.expiresAt, product.key, device.key)
            }
        }.sorted { $0 < $1 }
    }

    private mutating func purchase(
        _ package: PackageID,
        _ quantity: UInt64,
        _ key: ProductKey?
    ) -> String? {
        if let key, products[key.text]?.isDeleted == true { return "unknown-product" }
        if quantity == 0 { return "quantity-out-of-range" }
        let current = key.flatMap { products[$0.text]?.package }
        if let current, current != package { return "package-mismatch" }
        let serials = Array(nextSerial..<nextSerial + quantity)
        purchases.append((nextSerial, quantity))
        nextSerial += quantity
        if let key {
            products[key.text]?.pool += serials
            products[key.text]?.package = package
        } else {
            unassigned[package, default: []] += serials
        }
        return nil
    }

    private mutating func assign(
        _ key: ProductKey,
        _ package: PackageID,
        _ quantity: UInt64
    ) -> String? {
        guard let product = products[key.text], !product.isDeleted else { return "unknown-product" }
        if let current = product.package, current != package { return "package-mismatch" }
        guard let held = unassigned[package], held.count >= Int(quantity) else {
            return "not-enough-unassigned"
        }
        assignments.append((key.text, package, quantity))
        products[key.text]?.pool += held.prefix(Int(quantity))
        products[key.text]?.package = package
        unassigned[package] = Array(held.dropFirst(Int(quantity)))
        return nil
    }

    private mutating func upgrade(_ key: ProductKey, _ package: PackageID) -> String? {
        guard let product = products[key.text], !product.isDeleted else { return "unknown-product" }
        guard let current = product.package else { return "product-has-no-package" }
        if current == TestStore.large, package == TestStore.small { return "allowance-lowered" }
        products[key.text]?.package = package
        return nil
    }

    private mutating func register(_ identity: DeviceIdentity, _ secret: SealedSecret) -> String? {
        guard let product = products[identity.product.text], !product.isDeleted else {
            return "unknown-product"
        }
        var device = product.devices[identity.device.text]
        if device?.isDisabled == true { return "device-disabled" }
        let isKnown = device?.isRegistered == true
        if product.registration == .closed || (product.registration == .imported && !isKnown) {
            return "registration-not-allowed"
        }
        if isKnown, device?.secret != nil {
            return device?.isConfirmed == true ? "secret-in-use" : nil
        }
        device = device ?? Device()
        device?.isRegistered = true
        device?.secret = secret
        device?.isConfirmed = false
        products[identity.product.text]?.devices[identity.device.text] = device
        return nil
    }

    private mutating func importDevices(_ key: ProductKey, _ rows: [DeviceImport]) -> String? {
        guard let product = products[key.text], !product.isDeleted else { return "unknown-product" }
        if Set(rows.map(\.device)).count < rows.count { return "import-row" }
        for row in rows where product.devices[row.device.text]?.isRegistered == true {
            return "import-row"
        }
        for row in rows {
            let old = product.devices[row.device.text]
            products[key.text]?.devices[row.device.text] = Device(
                isExcepted: old?.isExcepted ?? false,
                isOpen: old?.isOpen ?? false,
                secret: row.secret,
                periods: old?.periods ?? []
            )
        }
        return nil
    }
}
