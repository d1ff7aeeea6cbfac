import Ledger
import Linux
import Storage
import Support
import TestFiles
import Time

/// The books of a gateway that does not run yet.
struct CrashBooks {
    private let ledger: Ledger

    init(_ directory: TemporaryDirectory) throws {
        for path in ["data", "data/ledger"] {
            try FileSystem.createDirectory(directory.file(path), mode: 0o700)
        }
        ledger = try Ledger(directory: directory.file("data/ledger"), mapSizeBytes: 1 << 28)
    }

    /// An account with a product, a code for each device, and the devices.
    func found(deviceCount: Int) async throws -> [TestDevice] {
        let (account, package) = (AccountID("acme")!, PackageID("basic")!)
        let product = ProductKey("PK1")!
        let devices = (0..<deviceCount).map { number in
            TestDevice(
                identity: DeviceIdentity(product: product, device: DeviceKey("dk\(number)")!),
                secret: Secret("secret-of-\(number)")!
            )
        }
        let allowance = Allowance(
            validityDays: 30, messagesPerDay: nil, otaPerMonth: 1, storageDays: 7)!
        let actions: [Action] = [
            .createAccount(NewAccount(id: account, name: "Acme", kind: .enterprise)),
            .createPackage(package, name: "Basic", allowance),
            .createProduct(
                NewProduct(
                    key: product, name: "Crash", account: account,
                    secret: Secret("product-secret")!)
            ),
            .purchase(account, package: package, quantity: UInt64(deviceCount), product: product),
            .importDevices(
                product,
                devices.map { DeviceImport(device: $0.identity.device, secret: $0.secret) }
            ),
        ]
        for action in actions { try await submit(action) }
        return devices
    }

    private func submit(_ action: Action) async throws {
        let outcome = try await ledger.submit(
            Command(at: .now(), actor: "tester", action: action))
        if case .refused(let refusal) = outcome { throw TestGatewayError.refused(refusal) }
    }
}
