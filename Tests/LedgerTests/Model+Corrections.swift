import Time

@testable import Ledger
@testable import LedgerModel

/// Rules A11 and B17 once more, code by code.
extension Model {
    mutating func correct(_ action: CorrectionAction, at time: Timestamp) -> String? {
        switch action {
        case .voidPurchase(_, let first, _): voidPurchase(first.serial)
        case .voidAssignment(_, let sequence, _): voidAssignment(sequence)
        case .voidConsumption(let identity, _): voidConsumption(identity, at: time)
        case .move(let identity, let device, _): move(identity, to: device, at: time)
        case .voidTopUp: "not in the model"
        }
    }

    private mutating func voidPurchase(_ first: UInt64) -> String? {
        guard let batch = purchases.first(where: { $0.first == first }) else {
            return "unknown-purchase"
        }
        let serials = first..<first + batch.quantity
        let before = codesLeft
        for key in products.keys where products[key]?.isDeleted == false {
            let count = products[key]?.remaining
            products[key]?.pool.removeAll { serials.contains($0) }
            products[key]?.returned.removeAll { serials.contains($0) }
            if products[key]?.remaining != count { products[key]?.forgetPackage() }
        }
        for package in unassigned.keys { unassigned[package]?.removeAll { serials.contains($0) } }
        return before == codesLeft ? "nothing-to-void" : nil
    }

    private var codesLeft: Int {
        products.values.reduce(0) { $0 + $1.remaining } + unassigned.values.joined().count
    }

    private mutating func voidAssignment(_ sequence: UInt64) -> String? {
        guard let index = sequences.firstIndex(of: sequence) else { return "unknown-assignment" }
        let key = assignments[index].product
        guard var product = products[key], !product.isDeleted else { return "nothing-to-void" }
        let taken = product.pool.filter { assignment[$0] == index }
        if taken.isEmpty { return "nothing-to-void" }
        product.pool.removeAll { assignment[$0] == index }
        product.forgetPackage()
        products[key] = product
        let package = assignments[index].package
        unassigned[package] = ((unassigned[package] ?? []) + taken).sorted()
        return nil
    }

    private mutating func voidConsumption(
        _ identity: DeviceIdentity,
        at time: Timestamp
    ) -> String? {
        let (product, key) = (identity.product.text, identity.device.text)
        guard products[product]?.isDeleted == false else { return "unknown-product" }
        guard let device = products[product]?.devices[key] else { return "unknown-device" }
        guard let last = device.periods.last else { return "nothing-consumed" }
        let after = withoutLatest(device, at: time)
        products[product]?.devices[key] = after
        products[product]?.returned.append(last.code.serial)
        products[product]?.returned.sort()
        return nil
    }

    private mutating func move(
        _ identity: DeviceIdentity,
        to other: DeviceKey,
        at time: Timestamp
    ) -> String? {
        let product = identity.product.text
        guard products[product]?.isDeleted == false else { return "unknown-product" }
        guard let old = products[product]?.devices[identity.device.text] else {
            return "unknown-device"
        }
        guard var new = products[product]?.devices[other.text], new.isRegistered else {
            return "unknown-device"
        }
        if new.isDisabled { return "device-disabled" }
        if let last = new.periods.last, time < last.expiresAt { return "entitlement-runs" }
        guard let last = old.periods.last, time < last.expiresAt else { return "nothing-runs" }
        new.isOpen = true
        new.periods.append(
            Entitlement(
                code: last.code, period: UInt32(new.periods.count + 1),
                activatedAt: last.activatedAt, expiresAt: last.expiresAt, cause: last.cause))
        let before = withoutLatest(old, at: time)
        products[product]?.devices[identity.device.text] = before
        products[product]?.devices[other.text] = new
        return nil
    }

    private func withoutLatest(_ device: Device, at time: Timestamp) -> Device? {
        var device = device
        device.periods.removeLast()
        device.isOpen = device.periods.last.map { time < $0.expiresAt } ?? false
        return device.isRegistered || !device.periods.isEmpty || device.isExcepted ? device : nil
    }
}
