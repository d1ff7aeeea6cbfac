import Time

@testable import Ledger
@testable import LedgerModel

/// What the lists must answer, by looking at everything.
extension Model {
    /// Every question there is, some of them with several filters, and its answer.
    func questions(at time: Timestamp) -> [(question: Question, answer: [String])] {
        var list: [(Question, [String])] = []
        for product in CommandSource.products {
            for state in [nil] + DeviceState.allCases {
                list.append(
                    (.devices(product, state, at: time), devices(of: product, state, at: time)))
            }
            for filter in filters(at: time) {
                list.append((.consumed(product, filter), consumed(product, filter)))
            }
            for device in CommandSource.devices {
                list.append(
                    (
                        .activations(product, device),
                        consumed(product, ActivationFilter(device: DeviceKey(device)!))
                    ))
            }
            list.append((.assignments(TestStore.acme, product), assigned { $0 == product }))
        }
        for filter in expiryFilters(at: time) {
            list.append(
                (.nearExpiry(filter, days: 9, at: time), nearExpiry(filter, days: 9, at: time)))
        }
        list.append((.assignments(TestStore.acme, nil), assigned { _ in true }))
        list.append((.assignments(TestStore.acme, "METER"), assigned { _ in true }))
        list.append((.assignments(TestStore.acme, "pk3"), assigned { $0 == "PK3" }))
        list.append((.assignments(TestStore.acme, "valve"), []))
        let existing = products.filter { !$0.value.isDeleted }.keys.sorted()
        list.append((.products(nil, among: nil), existing))
        list.append((.products(TestStore.acme, among: nil), existing))
        list.append(
            (
                .products(TestStore.acme, among: ["PK3", "PK1", "PK9"]),
                existing.filter { $0 != "PK2" }
            ))
        list.append((.accounts(nil), ["acme"]))
        list.append((.accounts(TestStore.acme), []))
        list.append((.keys(nil), []))
        list.append((.packages(), ["large", "small", "twin"]))
        list.append((.purchases(TestStore.acme), purchases.map { "\($0.first)+\($0.quantity)" }))
        return list
    }

    private func filters(at time: Timestamp) -> [ActivationFilter] {
        let past = time.adding(days: -25)..<time.adding(days: -4)
        let around = time.adding(days: -6)..<time.adding(days: 7)
        return [
            ActivationFilter(),
            ActivationFilter(activated: past),
            ActivationFilter(expires: around),
            ActivationFilter(activated: past, expires: around),
            ActivationFilter(activated: around, expires: past),
            ActivationFilter(device: DeviceKey("d1")!, activated: past),
            ActivationFilter(device: DeviceKey("d2")!, expires: around),
        ]
    }

    private func expiryFilters(at time: Timestamp) -> [ActivationFilter] {
        let (first, second) = (ProductKey("PK1")!, ProductKey("PK2")!)
        let near = time.adding(days: 1)..<time.adding(days: 6)
        let past = time.adding(days: -9)..<time.adding(days: -3)
        return [
            ActivationFilter(),
            ActivationFilter(accounts: [TestStore.acme]),
            ActivationFilter(accounts: [AccountID("nobody")!]),
            ActivationFilter(products: [first]),
            ActivationFilter(products: [second, first]),
            ActivationFilter(products: []),
            ActivationFilter(productName: "meter pk2"),
            ActivationFilter(productName: "valve"),
            ActivationFilter(device: DeviceKey("d1")!),
            ActivationFilter(
                accounts: [TestStore.acme], products: [first], device: DeviceKey("d1")!),
            ActivationFilter(activated: past),
            ActivationFilter(accounts: [TestStore.acme], activated: past),
            ActivationFilter(expires: near),
            ActivationFilter(productName: "METER", activated: past, expires: near),
        ]
    }

    private func devices(
        of product: String,
        _ state: DeviceState?,
        at time: Timestamp
    ) -> [String] {
        let devices = (products[product]?.devices ?? [:]).filter { _, device in
            guard device.isRegistered else { return false }
            let runs = device.periods.last.map { time < $0.expiresAt } ?? false
            return switch state {
            case nil: true
            case .disabled: device.isDisabled
            case .active: !device.isDisabled && runs
            case .inactive: !device.isDisabled && !runs
            }
        }
        guard state == .active else { return devices.keys.sorted() }
        return devices.sorted { left, right in
            let (left, right) = (left.value.periods.last!, right.value.periods.last!)
            return (left.expiresAt, left.code) < (right.expiresAt, right.code)
        }.map(\.key)
    }

    private func consumed(_ product: String, _ filter: ActivationFilter) -> [String] {
        var found: [(device: String, period: Entitlement)] = []
        for (device, record) in products[product]?.devices ?? [:] {
            found += record.periods.map { (device, $0) }
        }
        found = found.filter { device, period in
            (filter.device.map { $0.text == device } ?? true)
                && filter.activated?.contains(period.activatedAt) ?? true
                && filter.expires?.contains(period.expiresAt) ?? true
        }
        var isByExpiry = false
        if let expires = filter.expires {
            isByExpiry = filter.activated.map { length(expires) < length($0) } ?? true
        }
        found.sort { left, right in
            if filter.device != nil { return left.period.period < right.period.period }
            return isByExpiry
                ? (left.period.expiresAt, left.period.code)
                    < (right.period.expiresAt, right.period.code)
                : (left.period.activatedAt, left.period.code)
                    < (right.period.activatedAt, right.period.code)
        }
        return found.map { "\(product).\($0.device)#\($0.period.period)" }
    }

    private func length(_ range: Range<Timestamp>) -> Int64 {
        range.upperBound.milliseconds(since: range.lowerBound)
    }

    private func nearExpiry(
        _ filter: ActivationFilter,
        days: Int64,
        at time: Timestamp
    ) -> [String] {
        var found: [(product: String, device: String, period: Entitlement)] = []
        for (product, record) in products where !record.isDeleted {
            for (device, record) in record.devices where record.isOpen && record.isRegistered {
                found.append((product, device, record.periods.last!))
            }
        }
        return found.filter { product, device, period in
            period.expiresAt > time && period.expiresAt <= time.adding(days: days)
                && filter.accounts?.contains(TestStore.acme) ?? true
                && filter.products?.contains { $0.text == product } ?? true
                && (filter.productName.map { "meter \(product)".holds($0) } ?? true)
                && (filter.device.map { $0.text == device } ?? true)
                && filter.activated?.contains(period.activatedAt) ?? true
                && filter.expires?.contains(period.expiresAt) ?? true
        }.sorted { left, right in
            (left.period.expiresAt, left.product, left.period.code)
                < (right.period.expiresAt, right.product, right.period.code)
        }.map { "\($0.product).\($0.device)#\($0.period.period)" }
    }

    private func assigned(_ isWanted: (String) -> Bool) -> [String] {
        assignments.reversed().filter { isWanted($0.product) }
            .map { "\($0.product) \($0.package) \($0.quantity)" }
    }
}
