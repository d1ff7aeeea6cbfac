import Ledger
import Linux
import Time

/// Devices of which all nodes see the same ones at the same time.
struct RacingFleet: Sendable {
    static let product = ProductKey("RACE")!

    /// Devices that may connect at one time.
    private static let window = 400

    /// Milliseconds of the monotonic clock.
    let origin: Int64

    /// Devices that come into the window.
    let perSecond: Int

    /// The number of a device that connects now: mostly one of the window's, sometimes one from before.
    func next() -> Int {
        let now = MonotonicInstant.now().nanoseconds / 1_000_000
        let front = max(0, Int(now - origin) * perSecond / 1_000)
        return Int.random(in: 0..<8) == 0
            ? Int.random(in: 0...front) : front + Int.random(in: 0..<Self.window)
    }

    func activation(of number: Int) -> Action {
        let device = DeviceIdentity(product: Self.product, device: DeviceKey("d\(number)")!)
        return .devices(.activate(device, confirmsSecret: nil))
    }

    /// What is there before the first device. All nodes ask for it, each under the same key.
    static func foundation(codes: UInt64) -> [Action] {
        let (account, package) = (AccountID("racers")!, PackageID("race")!)
        let allowance = Allowance(
            validityDays: 365, messagesPerDay: 1_500, otaPerMonth: 1, storageDays: 7)!
        let product = NewProduct(
            key: Self.product, name: "Race", account: account,
            secret: SealedSecret(Array("race".utf8))!, registration: .open)
        return [
            .accounts(.create(NewAccount(id: account, name: "Racers", kind: .enterprise))),
            .packages(.create(package, name: "Race", allowance)),
            .products(.create(product)),
            .codes(.purchase(account, package: package, quantity: codes, product: Self.product)),
        ]
    }
}
