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

        /// Given back by corrections, in order: they go first.
        var returned: [UInt64] = []

        /// An upgrade has named the package, which no correction takes back.
        var isPackageNamed = false
        var devices: [String: Device] = [:]

        var consumed: Int { devices.values.reduce(0) { $0 + $1.periods.count } }
        var remaining: Int { pool.count + returned.count }

        mutating func takeCode() -> UInt64 {
            returned.isEmpty ? pool.removeFirst() : returned.removeFirst()
        }

        /// A package goes with the last of the codes that have brought it.
        mutating func forgetPackage() {
            if !isPackageNamed, remaining == 0, consumed == 0 { package = nil }
        }
    }

    var products: [String: Product] = [:]
    var unassigned: [PackageID: [UInt64]] = [:]
    private(set) var purchases: [(first: UInt64, quantity: UInt64)] = []
    private(set) var assignments: [(product: String, package: PackageID, quantity: UInt64)] = []

    /// Which assignment a code came to its product with, by its place among all.
    var assignment: [UInt64: Int] = [:]

    /// The numbers of their events: what the books have called them.
    var sequences: [UInt64] = []
    private var nextSerial: UInt64 = 1
    private var answers: [String: (Action, String?)] = [:]

    static let validity: [PackageID: Int64] = [
        TestStore.small: 10, TestStore.large: 20, TestStore.twin: 10,
    ]

    /// Packages of the same allowance are the same (rule A4).
    private static func areSame(_ one: PackageID, _ other: PackageID) -> Bool {
        validity[one] == validity[other]
    }

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
        case .codes(.assign(let product, let package?, let quantity)):
            return assign(product, package, quantity)
        case .products(.upgradePackage(let product, let package)): return upgrade(product, package)
        case .products(.update(let product, let update)):
            return change(product) { product in
                if let renewal = update.autoRenewal { product.renewal = renewal }
                if let registration = update.registration { product.registration = registration }
            }
        case .products(.delete(let product)): return change(product) { $0.isDeleted = true }
        case .corrections(let action): return correct(action, at: time)
        default: return carryOutOnDevice(command.action)
        }
    }

    private mutating func carryOutOnDevice(_ action: Action) -> String? {
        switch action {
        case .devices(.delete(let identity)):
            return change(identity) { device in
                device?.isRegistered = false
                if device?.periods.isEmpty == true {
                    let isExcepted = device?.isExcepted == true
                    device = isExcepted ? Device(isRegistered: false, isExcepted: true) : nil
                }
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
        if device.map({ !$0.isRegistered && $0.periods.isEmpty }) ?? true,
            product.registration != .open
        {
            return "unknown-device"
        }
        if device?.isDisabled == true { return "device-disabled" }
        let last = device?.periods.last
        if let last, time < last.expiresAt {
            device?.isRegistered = true
            device?.isOpen = true
        } else {
            if last != nil, !product.renewal || device?.isExcepted == true { return "renewal-off" }
            guard let package = product.package, let days = Self.validity[package],
                product.remaining > 0
            else { return "no-code-left" }
            var start = time
            if online, let last, time < last.expiresAt.adding(days: days) { start = last.expiresAt }
            device = device ?? Device()
            device?.isRegistered = true
            device?.isOpen = true
            device?.periods.append(
                Entitlement(
                    code: ActivationCode(serial: product.takeCode()),
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
            product.remaining > 0
        else { return "no-code-left" }
        device.isOpen = true
        device.periods.append(
            Entitlement(
                code: ActivationCode(serial: product.takeCode()),
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
        if let current, !Self.areSame(current, package) { return "package-mismatch" }
        let serials = Array(nextSerial..<nextSerial + quantity)
        purchases.append((nextSerial, quantity))
        nextSerial += quantity
        if let key {
            products[key.text]?.pool += serials
            products[key.text]?.package = current ?? package
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
        if let current = product.package, !Self.areSame(current, package) {
            return "package-mismatch"
        }
        let others = unassigned.keys.filter { $0 != package && Self.areSame($0, package) }
        let packages = [package] + others.sorted()
        let held = packages.reduce(0) { $0 + (unassigned[$1]?.count ?? 0) }
        if held < Int(quantity) { return "not-enough-unassigned" }
        var wanted = Int(quantity)
        for part in packages {
            let taken = (unassigned[part] ?? []).prefix(wanted)
            if taken.isEmpty { continue }
            wanted -= taken.count
            for serial in taken { assignment[serial] = assignments.count }
            assignments.append((key.text, part, UInt64(taken.count)))
            products[key.text]?.pool += taken
            if products[key.text]?.package == nil { products[key.text]?.package = part }
            unassigned[part]?.removeFirst(taken.count)
        }
        return nil
    }

    private mutating func upgrade(_ key: ProductKey, _ package: PackageID) -> String? {
        guard let product = products[key.text], !product.isDeleted else { return "unknown-product" }
        guard let current = product.package else { return "product-has-no-package" }
        if current == TestStore.large, package != TestStore.large { return "allowance-lowered" }
        if current != package {
            products[key.text]?.package = package
            products[key.text]?.isPackageNamed = true
        }
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
            if old?.isExcepted == true {
                products[key.text]?.devices[row.device.text]?.isExcepted = true
            }
        }
        return nil
    }
}
