import Time

@testable import Ledger
@testable import LedgerModel

/// Rules C6, D1 and D2 once more, the simplest way: every unit of a pack by itself, no counter, no
/// index. Devices and products only as far as upgrades ask about them.
struct PacksModel {
    enum Unit: Equatable {
        case remaining
        case leased(UInt64)
        case used
        case upgraded(String)
        case expired
        case void
    }

    struct Pack: Equatable {
        let id: UInt64
        let account: AccountID
        let kind: TopUpKind
        let expiresAt: Timestamp
        var units: [Unit]

        func count(_ isCounted: (Unit) -> Bool) -> UInt64 { UInt64(units.count(where: isCounted)) }

        var remaining: UInt64 { count { $0 == .remaining } }
        var isVoid: Bool { units.contains(.void) }

        /// Turns the first `limit` units that are `old` into `new`; answers how many it found.
        mutating func turn(_ old: Unit, into new: Unit, limit: UInt64 = .max) -> UInt64 {
            var turned: UInt64 = 0
            for index in units.indices where units[index] == old && turned < limit {
                units[index] = new
                turned += 1
            }
            return turned
        }
    }

    struct Lease {
        let id: UInt64
        let holder: LeaseHolder
    }

    struct Upgrade: Equatable {
        let size: UInt64
        let month: String
        let fromAllowance: UInt64
        var state = UpgradeState.requested
    }

    struct Device {
        var isRegistered = true
        var isDisabled = false
        var runsUntil: Timestamp?
    }

    struct Product {
        let account: AccountID
        var package: PackageID?
        var offsetMinutes: Int64 = 0
        var isDeleted = false
        var devices: [DeviceKey: Device] = [:]
    }

    private(set) var packs: [Pack] = []
    private(set) var upgrades: [DeviceIdentity: [UpgradeID: Upgrade]] = [:]

    /// In the order in which they were requested.
    private var requested: [(device: DeviceIdentity, id: UpgradeID, at: Timestamp)] = []

    /// Account, kind and what the list of changes shows, oldest first.
    private(set) var rows: [(AccountID, TopUpKind, String)] = []
    private var leases: [Lease] = []
    private var products: [ProductKey: Product] = [:]
    private var answers: [String: (Action, String)] = [:]

    static let allowances: [PackageID: (days: Int64, attempts: UInt64)] = [
        TestStore.small: (10, 1), PacksSource.mega: (30, 4),
    ]

    init() {
        for (key, account) in PacksSource.products { products[key] = Product(account: account) }
    }

    /// What the command is answered: what it did, or the refusal's name. `id` is the number that the
    /// books gave to the pack or lease that it made.
    mutating func apply(_ command: Command, id: UInt64) -> String {
        guard let key = command.idempotencyKey else { return carryOut(command, id) }
        if let (action, answer) = answers[key] {
            return action == command.action ? answer : "idempotency-key-reused"
        }
        let answer = carryOut(command, id)
        answers[key] = (command.action, answer)
        return answer
    }

    private mutating func carryOut(_ command: Command, _ id: UInt64) -> String {
        switch command.action {
        case .topUps(let action): return carryOut(action, id, at: command.at)
        case .upgrades(.request(let identity, let id, let size)):
            return request(identity, id, size, at: command.at)
        case .upgrades(.report(let identity, let id, let succeeded)):
            return report(identity, id, succeeded, at: command.at)
        case .upgrades(.expire(let limit, let age)):
            return end(Int(limit), before: command.at.adding(milliseconds: -age))
        case .devices(.activate(let identity, _, _)): return activate(identity, at: command.at)
        case .devices(.setDisabled(let identity, let isDisabled)):
            return change(identity, evenIfDeleted: true) { $0?.isDisabled = isDisabled }
        case .devices(.delete(let identity)):
            return change(identity) { device in
                device?.isRegistered = false
                if device?.runsUntil == nil { device = nil }
            }
        case .codes(.purchase(_, let package, _, .some(let key))):
            if products[key]?.isDeleted == false, let has = products[key]?.package, has != package {
                return "package-mismatch"
            }
            return change(key) { $0.package = package }
        case .products(.update(let key, let update)):
            let minutes = Int64(update.dayOffset?.minutes ?? 0)
            return change(key) { $0.offsetMinutes = minutes }
        case .products(.upgradePackage(let key, let package)):
            if products[key]?.isDeleted == false, products[key]?.package == nil {
                return "product-has-no-package"
            }
            return change(key) { $0.package = package }
        case .products(.delete(let key)): return change(key) { $0.isDeleted = true }
        case .corrections(.voidTopUp(let account, let pack, _)):
            guard let index = packs.firstIndex(where: { $0.id == pack && $0.account == account })
            else { return "unknown-top-up" }
            if packs[index].expiresAt <= command.at || packs[index].remaining == 0 {
                return "nothing-to-void"
            }
            note("void", packs[index].turn(.remaining, into: .void), index)
            return "voided"
        default: return "not in the model"
        }
    }

    private mutating func carryOut(_ action: TopUpAction, _ id: UInt64, at time: Timestamp)
        -> String
    {
        switch action {
        case .enter(let account, let kind, let source, let quantity, let expiresAt):
            if quantity == 0 { return "quantity-out-of-range" }
            if expiresAt <= time { return "expiry-passed" }
            packs.append(
                Pack(
                    id: id,
                    account: account,
                    kind: kind,
                    expiresAt: expiresAt,
                    units: Array(repeating: .remaining, count: Int(quantity))
                )
            )
            note(source.name, quantity, packs.count - 1)
            return "entered"
        case .lease(let account, let holder, let needed, let block):
            guard let index = open(account, .messages, at: time).first else {
                return "no-top-up-left"
            }
            let left = packs.filter { $0.account == account && $0.kind == .messages }
                .reduce(0) { $0 + $1.remaining }
            let wanted = max(1, needed, min(block, left / 4))
            let units = packs[index].turn(.remaining, into: .leased(id), limit: wanted)
            leases.append(Lease(id: id, holder: holder))
            return "leased \(units) of \(packs[index].id)"
        case .settle(let lease, let used, let uses):
            let known = uses.reduce(0) { $0 + $1.units }
            return settle(lease, used, known: known, at: time)
        case .abandon(let holder, let limit):
            let gone = leases.filter { $0.holder == holder }.prefix(Int(limit)).map(\.id)
            for lease in gone {
                guard let index = pack(of: lease) else { continue }
                note("deduction", packs[index].turn(.leased(lease), into: .used), index)
            }
            leases.removeAll { gone.contains($0.id) }
            return "ended \(gone.count)"
        case .expire(let limit):
            let due = packs.indices
                .filter { packs[$0].expiresAt <= time && packs[$0].remaining > 0 }
                .sorted { place($0) < place($1) }.prefix(Int(limit))
            for index in due { expire(index) }
            return "ended \(due.count)"
        }
    }

    private mutating func settle(
        _ lease: UInt64, _ used: UInt64, known: UInt64, at time: Timestamp
    ) -> String {
        guard leases.contains(where: { $0.id == lease }), let index = pack(of: lease) else {
            return "unknown-lease"
        }
        if packs[index].count({ $0 == .leased(lease) }) < used || known > used {
            return "lease-exceeded"
        }
        note("deduction", packs[index].turn(.leased(lease), into: .used, limit: used), index)
        let returned = packs[index].turn(.leased(lease), into: .remaining)
        withdraw(returned, index, at: time)
        leases.removeAll { $0.id == lease }
        return "settled"
    }

    private mutating func request(
        _ identity: DeviceIdentity,
        _ id: UpgradeID,
        _ size: UpgradeSize,
        at time: Timestamp
    ) -> String {
        if let known = upgrades[identity]?[id] {
            if known.state != .requested { return "upgrade-reported" }
            if known.size != size.bytes { return "already-exists" }
            let fromPacks = packs.reduce(0) {
                $0 + $1.count { $0 == .upgraded("\(identity) \(id)") }
            }
            return "repeated \(known.fromAllowance) \(fromPacks)"
        }
        guard let product = products[identity.product], !product.isDeleted else {
            return "unknown-product"
        }
        guard let device = product.devices[identity.device], device.isRegistered else {
            return "unknown-device"
        }
        if device.isDisabled { return "device-disabled" }
        guard let package = product.package, let allowance = Self.allowances[package] else {
            return "product-has-no-package"
        }
        guard let until = device.runsUntil, time < until else { return "device-not-active" }
        let month = Self.month(of: time, product)
        let used = (upgrades[identity] ?? [:]).values
            .filter { $0.month == month && $0.state != .failed }
            .reduce(0) { $0 + $1.fromAllowance }
        var needed: UInt64 = 0
        while needed * 5 * 1_048_576 < size.bytes { needed += 1 }
        let fromAllowance = min(needed, allowance.attempts - min(used, allowance.attempts))
        let places = open(product.account, .ota, at: time)
        let left = places.reduce(0) { $0 + packs[$1].remaining }
        if fromAllowance + left < needed { return "ota-exhausted" }
        var wanted = needed - fromAllowance
        for index in places where wanted > 0 {
            let unit = Unit.upgraded("\(identity) \(id)")
            let taken = packs[index].turn(.remaining, into: unit, limit: wanted)
            note("deduction", taken, index)
            wanted -= taken
        }
        upgrades[identity, default: [:]][id] = Upgrade(
            size: size.bytes,
            month: month,
            fromAllowance: fromAllowance
        )
        requested.append((identity, id, time))
        return "upgrade \(fromAllowance) \(needed - fromAllowance)"
    }

    /// What nobody has reported, the first first, up to one that is not old enough.
    private mutating func end(_ limit: Int, before latest: Timestamp) -> String {
        let open = requested.filter { upgrades[$0.device]?[$0.id]?.state == .requested }
        let due = open.prefix { $0.at <= latest }.prefix(limit)
        for (device, id, _) in due {
            upgrades[device]?[id]?.state = .unreported
            for index in packs.indices {
                _ = packs[index].turn(.upgraded("\(device) \(id)"), into: .used)
            }
        }
        return "ended \(due.count)"
    }

    private mutating func report(
        _ identity: DeviceIdentity,
        _ id: UpgradeID,
        _ succeeded: Bool,
        at time: Timestamp
    ) -> String {
        guard let known = upgrades[identity]?[id] else { return "unknown-upgrade" }
        let state = succeeded ? UpgradeState.succeeded : .failed
        if known.state == .requested {
            upgrades[identity]?[id]?.state = state
            let unit = Unit.upgraded("\(identity) \(id)")
            let from = packs.indices.filter { packs[$0].units.contains(unit) }
            for index in from.sorted(by: { place($0) < place($1) }) {
                let count = packs[index].turn(unit, into: succeeded ? .used : .remaining)
                if succeeded { continue }
                note("return", count, index)
                withdraw(count, index, at: time)
            }
            return "reported"
        }
        return known.state == state ? "reported" : "upgrade-reported"
    }

    /// The text of the local date begins with the month.
    private static func month(of time: Timestamp, _ product: Product) -> String {
        String("\(time.adding(milliseconds: product.offsetMinutes * 60_000))".prefix(7))
    }

    private mutating func activate(_ identity: DeviceIdentity, at time: Timestamp) -> String {
        guard let product = products[identity.product], !product.isDeleted else {
            return "unknown-product"
        }
        var device = product.devices[identity.device] ?? Device()
        if device.isDisabled { return "device-disabled" }
        if device.runsUntil.map({ time < $0 }) != true {
            guard let package = product.package, let allowance = Self.allowances[package] else {
                return "no-code-left"
            }
            device.runsUntil = time.adding(days: allowance.days)
        }
        device.isRegistered = true
        products[identity.product]?.devices[identity.device] = device
        return "done"
    }

    private mutating func change(_ key: ProductKey, _ body: (inout Product) -> Void) -> String {
        guard var product = products[key], !product.isDeleted else { return "unknown-product" }
        body(&product)
        products[key] = product
        return "done"
    }

    private mutating func change(
        _ identity: DeviceIdentity,
        evenIfDeleted: Bool = false,
        _ body: (inout Device?) -> Void
    ) -> String {
        guard let product = products[identity.product], !product.isDeleted else {
            return "unknown-product"
        }
        var device = product.devices[identity.device]
        guard device != nil, device?.isRegistered == true || evenIfDeleted else {
            return "unknown-device"
        }
        body(&device)
        products[identity.product]?.devices[identity.device] = device
        return "done"
    }

    /// Indices of packs that can be drawn from, in that order.
    private func open(_ account: AccountID, _ kind: TopUpKind, at time: Timestamp) -> [Int] {
        packs.indices.filter {
            packs[$0].account == account && packs[$0].kind == kind && packs[$0].expiresAt > time
                && packs[$0].remaining > 0
        }.sorted { place($0) < place($1) }
    }

    /// Packs of one kind and account are in the order of expiry, then of entering; the sweep goes
    /// through all by expiry, then account and kind.
    private func place(_ index: Int) -> (Timestamp, AccountID, UInt8, UInt64) {
        let pack = packs[index]
        return (pack.expiresAt, pack.account, pack.kind.rawValue, pack.id)
    }

    private func pack(of lease: UInt64) -> Int? {
        packs.firstIndex { $0.units.contains(.leased(lease)) }
    }

    /// So many units have come back to the pack.
    private mutating func withdraw(_ units: UInt64, _ index: Int, at time: Timestamp) {
        if packs[index].isVoid {
            note("void", packs[index].turn(.remaining, into: .void, limit: units), index)
        } else if packs[index].expiresAt <= time {
            note("expiry", packs[index].turn(.remaining, into: .expired, limit: units), index)
        }
    }

    private mutating func expire(_ index: Int) {
        note("expiry", packs[index].turn(.remaining, into: .expired), index)
    }

    private mutating func note(_ kind: String, _ units: UInt64, _ index: Int) {
        let pack = packs[index]
        if units > 0 { rows.append((pack.account, pack.kind, "\(kind) \(units) #\(pack.id)")) }
    }
}
