import Ledger
import Time

/// Carries out a plan, command by command.
struct FleetBuilder {
    private let plan: FleetPlan
    private let submitter: Submitter
    private let report: (String) -> Void
    private static let start = FleetPlan.now.adding(days: -401)

    init(_ plan: FleetPlan, _ ledger: Ledger, _ report: @escaping (String) -> Void) {
        self.plan = plan
        self.report = report
        submitter = Submitter(ledger, window: 8_192)
    }

    func build() {
        found()
        importDevices()
        activate()
        submitter.finish()
    }

    /// Accounts, the package, products, their codes.
    private func found() {
        let products = plan.products
        for account in Set(products.map(\.account)).sorted() {
            submit(
                .accounts(
                    .create(NewAccount(id: account, name: "Fleet \(account)", kind: .enterprise))
                ))
        }
        guard
            let allowance = Allowance(
                validityDays: UInt32(FleetPlan.validityDays), messagesPerDay: 1_500,
                otaPerMonth: 1, storageDays: 7)
        else { preconditionFailure("an allowance") }
        submit(.packages(.create(FleetPlan.package, name: "Basic", allowance)))
        submit(
            .codes(
                .purchase(
                    FleetPlan.owner, package: FleetPlan.package, quantity: 1_000_000, product: nil)
            ))
        for product in products { found(product) }
        for _ in 0..<FleetPlan.assignments {
            for product in products where product.account == FleetPlan.owner {
                submit(.codes(.assign(product.key, package: FleetPlan.package, quantity: 3)))
            }
        }
    }

    private func found(_ product: FleetPlan.Product) {
        guard let secret = Self.secret else { preconditionFailure("61 bytes are a sealed secret") }
        submit(
            .products(
                .create(
                    NewProduct(
                        key: product.key, name: "Meter \(product.key)", account: product.account,
                        secret: secret, registration: .imported))
            ))
        submit(
            .codes(
                .purchase(
                    product.account, package: FleetPlan.package,
                    quantity: UInt64(product.devices * 2), product: product.key)
            ))
    }

    /// As long as 32 letters are when they are sealed.
    static let secret = SealedSecret([UInt8](repeating: 0x5A, count: 61))

    private func importDevices() {
        var done = 0
        for product in plan.products {
            var start = 0
            while start < product.devices {
                let end = min(start + 10_000, product.devices)
                let rows = (start..<end).map {
                    DeviceImport(
                        device: FleetPlan.device($0),
                        secret: Self.secret)
                }
                submit(.imports(.atOnce(product.key, rows)))
                done += rows.count
                if done % 500_000 == 0 { report("imported \(done) devices") }
                start = end
            }
        }
    }

    /// In a random order of devices, as time goes on.
    private func activate() {
        var random = Dice(seed: 1)
        let products = plan.products
        var order: [(product: UInt32, device: UInt32)] = []
        for (index, product) in products.enumerated() {
            for number in 0..<product.devices where !FleetPlan.isInReserve(number) {
                order.append((UInt32(index), UInt32(number)))
            }
        }
        order.shuffle(using: &random)
        let step = 350 * 86_400_000 / Int64(order.count)
        for (index, (product, number)) in order.enumerated() {
            let identity = DeviceIdentity(
                product: products[Int(product)].key, device: FleetPlan.device(Int(number)))
            let time = FleetPlan.now.adding(days: -350).adding(milliseconds: Int64(index) * step)
            if FleetPlan.isRenewed(Int(number)) {
                submit(
                    .devices(.activate(identity, confirmsSecret: Self.secret?.fingerprint)),
                    at: time.adding(days: -366))
            }
            submit(
                .devices(.activate(identity, confirmsSecret: Self.secret?.fingerprint)), at: time)
            if FleetPlan.isDisabled(Int(number)) {
                submit(.devices(.setDisabled(identity, true)), at: time)
            }
            if (index + 1) % 500_000 == 0 { report("activated \(index + 1) devices") }
        }
    }

    private func submit(_ action: Action, at time: Timestamp = start) {
        submitter.submit(action, at: time)
    }
}
