import Gateway
import Glibc
import Ledger
import Linux
import MQTT
import Processes
import Randomness
import Storage
import Support
import TestFiles
import Testing
import Time

/// Devices without an allowance of their own, and gateways that are killed while they lease units of
/// packs for them.
@Suite(.waits) struct TopUpCrashTests {
    private static let rounds = 24
    private static let deviceCount = 6
    private static let packUnits: UInt64 = 6_000

    @Test("C6: killed 24 times under load, more units are never granted than were bought")
    func killed() async throws {
        let seed = CrashTests.seed
        print("top-up crash test: seed \(seed) (CRASH_SEED repeats it)")
        var random = SplitMix64(seed: seed)
        let directory = TemporaryDirectory()
        let (product, devices) = try await Self.found(directory)
        var bought: UInt64 = 0
        var granted: UInt64 = 0
        for round in 1...Self.rounds {
            if round % 8 == 1 {
                try Self.buy(Self.packUnits, for: product, days: Int64(30 - round), directory)
                bought += Self.packUnits
            }
            let witness = Witness()
            let milliseconds = UInt32.random(in: 5...250, using: &random)
            try Self.load(directory, devices, witness, milliseconds: milliseconds)
            let testimony = witness.testimony
            granted += testimony.acknowledged.values.joined().reduce(0) { $0 + UInt64($1.units) }
            let (totals, findings) = try Self.books(of: product, directory)
            let place: Comment = "seed \(seed), round \(round)"
            #expect(findings.isEmpty && testimony.complaints.isEmpty, place)
            #expect(totals.quantity == bought, place)
            // Whatever was granted has left the packs before, in a lease that is open still or was
            // taken to be used.
            #expect(granted <= totals.used + totals.leased, place)
        }
        granted += try await Self.useUp(directory, product, devices)
        let (totals, findings) = try Self.books(of: product, directory)
        print(
            "top-up crash test: \(granted) of \(bought) units granted, the others lost in crashes")
        #expect(findings.isEmpty)
        #expect(granted <= bought && granted > bought / 4)
        #expect(totals.used == bought && totals.remaining == 0 && totals.leased == 0)
    }

    /// A product whose devices have no allowance of their own.
    private static func found(
        _ directory: TemporaryDirectory
    ) async throws -> (TestProduct, [TestDevice]) {
        let gateway = try start(directory)
        let product = try await gateway.createProduct(
            codes: UInt64(deviceCount), messagesPerDay: 0)
        let devices = try await gateway.importDevices(
            (0..<deviceCount).map { "dk\($0)" }, into: product)
        await gateway.stop()
        return (product, devices)
    }

    private static func start(_ directory: TemporaryDirectory) throws -> TestGateway {
        try TestGateway(directory: directory) { configuration in
            configuration.storage.ledgerMapBytes = 1 << 28
            configuration.storage.usageMapBytes = 1 << 28
        }
    }

    private static func ledger(_ directory: TemporaryDirectory) throws -> Ledger {
        try Ledger(directory: directory.file("data/ledger"), mapSizeBytes: 1 << 28)
    }

    private static func buy(
        _ units: UInt64,
        for product: TestProduct,
        days: Int64,
        _ directory: TemporaryDirectory
    ) throws {
        let now = Timestamp.now()
        let action = TopUpAction.enter(
            product.account, .messages, source: .purchase, quantity: units,
            expiresAt: now.adding(days: days))
        let outcome = try ledger(directory).carryOut(
            Command(at: now, actor: "tester", action: .topUps(action)))
        #expect(outcome.effect != nil)
    }

    private static func books(
        of product: TestProduct,
        _ directory: TemporaryDirectory
    ) throws -> (TopUpCounters, findings: [String]) {
        let ledger = try ledger(directory)
        let totals = try ledger.read { (books, transaction) throws(StoreError) in
            try books.topUpTotals(of: product.account, .messages, in: transaction)
        }
        return (totals, try ledger.verify())
    }

    /// Lets all devices publish for a while, then kills the gateway.
    private static func load(
        _ directory: TemporaryDirectory,
        _ devices: [TestDevice],
        _ witness: Witness,
        milliseconds: UInt32
    ) throws {
        let child = try ChildProcess(
            CrashTests.program,
            [
                directory.file("data"), TestCertificates.shared.certificateFile,
                TestCertificates.shared.keyFile,
            ]
        )
        try #require(child.waitForOutput { output, _ in output.contains("\n") })
        let words = child.output.split(whereSeparator: { $0 == " " || $0 == "\n" })
        try #require(words.count == 4 && words[0] == "ready", "\(child.output)")
        let port = try #require(UInt16(words[1]))
        let threads = try devices.enumerated().map { number, device in
            try Thread(name: "device-\(number)") { publish(device, number, port, witness) }
        }
        usleep(milliseconds * 1_000)
        witness.kills()
        child.kill()
        for thread in threads { thread.join() }
    }

    /// Publishes messages of one to three units until the gateway is gone.
    static func publish(
        _ device: TestDevice,
        _ number: Int,
        _ port: UInt16,
        _ witness: Witness
    ) {
        do {
            let client = try TestClient.connected(
                port: port, as: .signed(device, secureMode: 3))
            var units = number % 3
            while !witness.isOver {
                units = units % 3 + 1
                let payload = [UInt8](repeating: 7, count: units * 512)
                let code = try client.publish(device.up(), bytes: payload, qos: .atLeastOnce)?
                    .code
                switch code {
                case 0: witness.wasAcknowledged(units, number)
                case 0x97: usleep(1_000)
                default: witness.complain("device \(number)'s message: \(code ?? 0)")
                }
            }
        } catch {
            witness.complain("\(error)")
        }
    }

    /// Uses up what the crashes have left; answers how many units that were.
    private static func useUp(
        _ directory: TemporaryDirectory,
        _ product: TestProduct,
        _ devices: [TestDevice]
    ) async throws -> UInt64 {
        let gateway = try start(directory)
        var units: UInt64 = 0
        for device in devices {
            let client = try TestClient.connected(
                port: gateway.plainPort, as: .signed(device, secureMode: 3))
            while try client.publish(device.up(), "x", qos: .atLeastOnce)?.code == 0 { units += 1 }
        }
        await gateway.stop()
        return units
    }
}
