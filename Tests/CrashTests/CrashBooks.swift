import Gateway
import Ledger
import Support
import TestFiles

/// What the gateways that are killed find in their data directory.
enum CrashBooks {
    /// An account with a product, a code for each device, and the devices.
    static func found(
        in directory: TemporaryDirectory,
        deviceCount: Int
    ) async throws -> [TestDevice] {
        try await with(directory) { try await found(with: $0, deviceCount: deviceCount) }
    }

    /// The same, and an application's key.
    static func foundWithApplication(
        in directory: TemporaryDirectory,
        deviceCount: Int
    ) async throws -> ([TestDevice], TestApplication) {
        try await with(directory) { gateway in
            let devices = try await found(with: gateway, deviceCount: deviceCount)
            return (devices, try await gateway.createApplication())
        }
    }

    /// What `body` does with a gateway that has stopped afterwards.
    static func with<Result>(
        _ directory: TemporaryDirectory,
        _ body: (TestGateway) async throws -> Result
    ) async throws -> Result {
        let gateway = try TestGateway(shards: 1, directory: directory) { configuration in
            configuration.storage.ledgerMapBytes = 1 << 28
            configuration.storage.usageMapBytes = 1 << 28
        }
        do {
            let result = try await body(gateway)
            await gateway.stop()
            return result
        } catch {
            await gateway.stop()
            throw error
        }
    }

    /// The same, in a gateway that runs.
    static func found(
        with gateway: TestGateway,
        deviceCount: Int
    ) async throws -> [TestDevice] {
        let keys = gateway.gateway.secretKeys
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
            .accounts(.create(NewAccount(id: account, name: "Acme", kind: .enterprise))),
            .packages(.create(package, name: "Basic", allowance)),
            .products(
                .create(
                    NewProduct(
                        key: product, name: "Crash", account: account,
                        secret: try keys.seal(Secret("product-secret")!, for: product)))
            ),
            .codes(
                .purchase(
                    account, package: package, quantity: UInt64(deviceCount), product: product)),
            .imports(
                .atOnce(
                    product,
                    try devices.map { try $0.row(with: keys) }
                )
            ),
        ]
        for action in actions { try await gateway.submit(action) }
        return devices
    }
}
