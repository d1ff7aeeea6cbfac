import Gateway
import Ledger
import MQTT
import Processes
import Support
import TestFiles
import Testing
import Time

/// Rule A4 in a running gateway: a device has the daily limit that its own code gives.
@Suite(.waits) struct FreeLimitTests {
    /// How many messages the device can send until one is refused.
    private func room(
        _ device: TestDevice, _ client: TestClient, atMost limit: Int = 20
    ) throws -> Int {
        for count in 0..<limit
        where try client.publish(device.up(), "x", qos: .atLeastOnce)?.code == 0x97 {
            return count
        }
        return limit
    }

    private func connect(_ device: TestDevice, to gateway: TestGateway) throws -> TestClient {
        try TestClient.connected(
            port: gateway.plainPort, as: .signed(device, secureMode: 3))
    }

    @Test(
        "A4: online while the first bought package takes over, a free device keeps its own limit",
        arguments: [(free: 2, bought: 5), (free: 5, bought: 2)])
    func takeOver(limits: (free: Int, bought: Int)) async throws {
        try await TestGateway.run(shards: 4) { gateway in
            let product = try await gateway.createProductOfFreeCodes(
                codes: 6, freeMessagesPerDay: UInt64(limits.free),
                messagesPerDay: UInt64(limits.bought))
            let devices = try await gateway.importDevices((0..<12).map { "d\($0)" }, into: product)
            let free = try devices.prefix(6).map { try connect($0, to: gateway) }
            for (device, client) in zip(devices, free) {
                #expect(try room(device, client, atMost: 1) == 1)
            }
            try await gateway.buy(6, for: product)
            let others = try devices.suffix(6).map { try connect($0, to: gateway) }
            for (device, client) in zip(devices, free) {
                #expect(try room(device, client) == limits.free - 1)
            }
            for (device, client) in zip(devices.suffix(6), others) {
                #expect(try room(device, client) == limits.bought)
            }
            #expect(await gateway.gateway.onlineCount(of: product.key) == 12)
            // Another connection finds the same.
            let again = try connect(devices[0], to: gateway)
            #expect(try room(devices[0], again) == 0)
            try again.subscribe(devices[0].sys("quota"))
            try again.publish(devices[0].sys("quota/get"), "")
            #expect(try again.message().text.contains("\"limit\":\(limits.free),"))
            // An upgrade holds for both.
            let most = PackageID("most")!
            let allowance = Allowance(
                validityDays: 1, messagesPerDay: 7, otaPerMonth: 1, storageDays: 7)!
            try await gateway.submit(.packages(.create(most, name: "Most", allowance)))
            try await gateway.submit(.products(.upgradePackage(product.key, to: most)))
            #expect(try room(devices[0], again) == 7 - limits.free)
            #expect(try room(devices[6], others[0]) == 7 - limits.bought)
            try await gateway.submit(.products(.delete(product.key)))
            for client in free.dropFirst() + others + [again] {
                #expect(try client.endingCode() == 0x98)
            }
        }
    }

    @Test("A4, B4: renewed online with a bought code a device has its limit at once, and back")
    func renewal() async throws {
        try await Replay.run { replay in
            let gateway = replay.world
            let product = try await gateway.createProductOfFreeCodes(
                codes: 1, freeMessagesPerDay: 2, messagesPerDay: 5)
            let device = try await gateway.importDevice("d1", into: product)
            let client = try replay.connect(device)
            try await gateway.buy(1, for: product)
            try await gateway.submit(
                .codes(.assign(product.key, package: PackageID("free-lamp")!, quantity: 1)))
            #expect(try room(device, client) == 2)
            try await replay.set(Replay.beginning.adding(days: 1))
            #expect(try room(device, client) == 5)
            try await replay.set(Replay.beginning.adding(days: 2))
            #expect(try room(device, client) == 2)
            #expect(try replay.figures(of: product).consumed == 3)
            #expect(await gateway.gateway.onlineCount(of: product.key) == 1)
            try replay.part(client)
            #expect(await gateway.gateway.onlineCount(of: product.key) == 0)
        }
    }

    @Test("A4: an activation that is renewed by a connection, or by hand, has its code's limit")
    func renewedOffline() async throws {
        try await Replay.run { replay in
            let gateway = replay.world
            let product = try await gateway.createProductOfFreeCodes(
                codes: 1, freeMessagesPerDay: 2, messagesPerDay: 5)
            let device = try await gateway.importDevice("d1", into: product)
            try replay.part(try replay.connect(device))
            try await gateway.buy(2, for: product)
            try await replay.set(Replay.beginning.adding(days: 1))
            let client = try replay.connect(device)
            #expect(try room(device, client) == 5)
            try replay.part(client)
            try await replay.set(Replay.beginning.adding(days: 2))
            try await gateway.submit(.devices(.activateByHand(device.identity)))
            #expect(try room(device, try replay.connect(device)) == 5)
        }
    }

    @Test("A4, A11, B17: moved, or taken back, an entitlement has its code's limit")
    func corrections() async throws {
        try await Replay.run { replay in
            let gateway = replay.world
            let product = try await gateway.createProductOfFreeCodes(
                codes: 1, freeMessagesPerDay: 2, messagesPerDay: 5)
            let devices = try await gateway.importDevices(["d1", "d2"], into: product)
            var clients = [try replay.connect(devices[0])]
            try await gateway.buy(3, for: product)
            try await gateway.submit(
                .corrections(
                    .move(devices[0].identity, to: devices[1].identity.device, cause: "repair")))
            _ = try clients[0].endingCode()
            clients = try devices.map { try replay.connect($0) }
            #expect(try room(devices[0], clients[0]) == 5)
            #expect(try room(devices[1], clients[1]) == 2)
            // The free one is given back, and the other device's next code.
            try await gateway.submit(
                .corrections(.voidConsumption(devices[1].identity, cause: "a mistake")))
            _ = try clients[1].endingCode()
            try await replay.set(Replay.beginning.adding(days: 1))
            #expect(try room(devices[0], clients[0]) == 2)
            clients[1] = try replay.connect(devices[1])
            #expect(try room(devices[1], clients[1]) == 5)
        }
    }

    @Test("A4, A11: all bought codes void, and others bought, a free device still has its limit")
    func voided() async throws {
        try await TestGateway.run(shards: 1) { gateway in
            let product = try await gateway.createProductOfFreeCodes(
                codes: 2, freeMessagesPerDay: 2, messagesPerDay: 5)
            let devices = try await gateway.importDevices(["d1", "d2", "d3"], into: product)
            let first = try connect(devices[0], to: gateway)
            try await gateway.buy(1, for: product)
            let second = try connect(devices[1], to: gateway)
            try await gateway.submit(
                .corrections(
                    .voidPurchase(
                        product.account, first: ActivationCode(serial: 11), cause: "refund")))
            #expect(try room(devices[0], first, atMost: 1) == 1)
            let most = PackageID("most")!
            let allowance = Allowance(
                validityDays: 1, messagesPerDay: 7, otaPerMonth: 1, storageDays: 7)!
            try await gateway.submit(.packages(.create(most, name: "Most", allowance)))
            try await gateway.submit(
                .codes(
                    .purchase(product.account, package: most, quantity: 1, product: product.key)))
            #expect(try room(devices[0], first) == 1)
            #expect(try room(devices[1], second) == 2)
            #expect(try room(devices[2], try connect(devices[2], to: gateway)) == 7)
        }
    }

    @Test("A4, C10: what waits for a device that is away is held against its own limit")
    func away() async throws {
        let directory = TemporaryDirectory()
        var known: [TestDevice] = []
        func queued(_ device: TestDevice, in gateway: TestGateway) async throws -> Int {
            let downlink = Downlink(
                topic: try #require(Downlink.Topic("set")), payload: [1], isAtLeastOnce: true)
            for count in 0..<20 {
                let outcome = await gateway.gateway.send(downlink, to: device.identity)
                guard outcome == .queued else {
                    #expect(outcome == .quotaExceeded)
                    return count
                }
            }
            return 20
        }
        /// From then on the shard knows that the account has no packs.
        func exhaust(_ device: TestDevice, in gateway: TestGateway) throws {
            #expect(try room(device, connect(device, to: gateway)) < 20)
        }
        try await TestGateway.run(shards: 1, directory: directory) { gateway in
            let product = try await gateway.createProductOfFreeCodes(
                codes: 3, freeMessagesPerDay: 2, messagesPerDay: 5)
            let devices = try await gateway.importDevices(
                ["d0", "d1", "d2", "d3"], into: product)
            known = devices
            try exhaust(devices[0], in: gateway)
            for device in devices.dropFirst() {
                if device == devices[3] { try await gateway.buy(1, for: product) }
                let client = try TestClient(port: gateway.plainPort, version: .v3_1_1)
                _ = try client.connect(as: .signed(device, secureMode: 3), isCleanStart: false)
                try client.subscribe(device.down("#"))
                try client.leave()
            }
            #expect(try await queued(devices[1], in: gateway) == 2)
        }
        // Their sessions are read from the store.
        let devices = known
        try await TestGateway.run(shards: 1, directory: directory) { gateway in
            try exhaust(devices[0], in: gateway)
            for (device, limit) in [(devices[2], 2), (devices[3], 5)] {
                let count = try await queued(device, in: gateway)
                #expect(count == limit)
            }
        }
    }
}
