import Gateway
import Ledger
import MQTT
import Reactor
import Storage
import Support
import TestFiles
import Testing
import Time

extension WholeGateway {
    /// Rule B16, as devices and operators see it.
    @Suite struct ClockTests {
        private static let start = Timestamp(seconds: 1_790_000_000)
        private static let day: Int64 = 86_400_000

        private func problem(_ gateway: TestGateway) async -> String? {
            await gateway.gateway.readiness().checks.first { $0.name == "clock" }?.problem
        }

        private func consumed(_ gateway: TestGateway, _ product: TestProduct) throws -> UInt64? {
            try gateway.gateway.ledger.read { books, transaction throws(StoreError) in
                try books.figures(of: product.key, in: transaction)
            }?.consumed
        }

        /// Until every shard has looked at the clock.
        private func settle(_ gateway: TestGateway, _ product: TestProduct) async {
            _ = await gateway.gateway.onlineCount(of: product.key)
            _ = await gateway.gateway.onlineCount(of: product.key)
        }

        @Test(
            "B16: a start in 1970 or years ahead: 0x88, not ready, what runs is served; confirmed, all goes on",
            arguments: [-1, 400] as [Int64])
        func start(days: Int64) async throws {
            let directory = TemporaryDirectory()
            let clock = ManualClock(wall: Self.start)
            var made: (product: TestProduct, devices: [TestDevice])?
            try await TestGateway.run(time: .manual(clock), directory: directory) { gateway in
                let product = try await gateway.createProduct(codes: 5, validityDays: 30)
                let devices = try await gateway.importDevices(["d1", "d2"], into: product)
                made = (product, devices)
                let first = TestCredentials.signed(devices[0], secureMode: 3)
                #expect(try gateway.answer(to: first, version: .v5).code == 0)
                #expect(await problem(gateway) == nil)
            }
            let (product, devices) = try #require(made)
            let wrong =
                days < 0 ? Timestamp(seconds: 60) : Self.start.adding(days: days)
            let other = ManualClock(wall: wrong)
            try await TestGateway.run(time: .manual(other), directory: directory) { gateway in
                let first = TestCredentials.signed(devices[0], secureMode: 3)
                let second = TestCredentials.signed(devices[1], secureMode: 3)
                #expect(await problem(gateway) != nil)
                #expect(await !gateway.gateway.readiness().isReady)
                #expect(try gateway.answer(to: first, version: .v5).code == 0)
                #expect(try gateway.answer(to: second, version: .v5).code == 0x88)
                #expect(try gateway.answer(to: second, version: .v3_1_1).code == 3)
                #expect(await gateway.gateway.sweepEnded() == 0)
                #expect(try consumed(gateway, product) == 1)
                try await gateway.submit(.clock(.confirm))
                await settle(gateway, product)
                #expect(await problem(gateway) == nil)
                #expect(try gateway.answer(to: second, version: .v5).code == 0)
                #expect(try consumed(gateway, product) == 2)
            }
        }

        @Test(
            "B16: a clock that leaps while devices are online ends and consumes nothing, and is believed when it is back",
            arguments: [-4_000, -40 * 86_400_000, 400 * 86_400_000] as [Int64])
        func leap(step: Int64) async throws {
            let clock = ManualClock(wall: Self.start)
            try await TestGateway.run(time: .manual(clock)) { gateway in
                let product = try await gateway.createProduct(codes: 5, validityDays: 30)
                let devices = try await gateway.importDevices(["d1", "d2"], into: product)
                let first = TestCredentials.signed(devices[0], secureMode: 3)
                let second = TestCredentials.signed(devices[1], secureMode: 3)
                let online = try TestClient.connected(
                    port: gateway.plainPort, as: first, keepAliveSeconds: 0)
                clock.set(wall: Self.start.adding(milliseconds: step))
                await settle(gateway, product)
                #expect(await problem(gateway) != nil)
                #expect(try gateway.answer(to: second, version: .v5).code == 0x88)
                #expect(await gateway.gateway.onlineCount(of: product.key) == 1)
                #expect(try consumed(gateway, product) == 1)
                clock.set(wall: Self.start.adding(milliseconds: 1_000))
                await settle(gateway, product)
                #expect(await problem(gateway) == nil)
                #expect(try gateway.answer(to: second, version: .v5).code == 0)
                try await isAlone(gateway, product)
                _ = online
            }
        }

        @Test(
            "B16: while the clock is doubted no session ends, and no message that was acknowledged or retained",
            arguments: [true, false])
        func kept(isSeenMeanwhile: Bool) async throws {
            let clock = ManualClock(wall: Self.start)
            try await TestGateway.run(time: .manual(clock)) { gateway in
                let product = try await gateway.createProduct(codes: 1)
                func come() throws -> (client: TestClient, isPresent: Bool) {
                    let client = try TestClient(port: gateway.openPort)
                    let answer = try client.connect(
                        as: .anonymous("absent"), isCleanStart: false
                    ) { $0.sessionExpiryInterval(seconds: 3_600) }
                    return (client, answer.isSessionPresent)
                }
                let absent = try come().client
                try absent.subscribe("t", qos: .atLeastOnce)
                try absent.leave()
                let publisher = try TestClient(port: gateway.openPort)
                _ = try publisher.connect(as: .anonymous("publisher"))
                try publisher.publish("t", "kept", qos: .atLeastOnce) {
                    $0.messageExpiryInterval(seconds: 3_600)
                }
                try publisher.publish("r", "kept", qos: .atLeastOnce, isRetained: true) {
                    $0.messageExpiryInterval(seconds: 3_600)
                }
                clock.set(wall: Self.start.adding(milliseconds: 400 * Self.day))
                await settle(gateway, product)
                #expect(await problem(gateway) != nil)
                // What is due is looked for every ten seconds.
                for _ in 0..<3 {
                    clock.advance(milliseconds: 11_000)
                    await settle(gateway, product)
                }
                if isSeenMeanwhile {
                    let (client, isPresent) = try come()
                    #expect(isPresent)
                    client.lose()
                }
                clock.set(wall: Self.start.adding(milliseconds: 40_000))
                await settle(gateway, product)
                #expect(await problem(gateway) == nil)
                let (client, isPresent) = try come()
                #expect(isPresent)
                #expect(try client.message().text == "kept")
                try client.subscribe("r", qos: .atLeastOnce)
                #expect(try client.message().text == "kept")
            }
        }

        /// The device that stays is online, and the one that came for an answer has gone.
        private func isAlone(_ gateway: TestGateway, _ product: TestProduct) async throws {
            var count = 0
            for _ in 0..<500 {
                count = await gateway.gateway.onlineCount(of: product.key)
                if count == 1 { break }
                try await Task.sleep(for: .milliseconds(10))
            }
            #expect(count == 1)
        }

        @Test("B16: a step within the limit is acted on at once for devices that are online")
        func step() async throws {
            let clock = ManualClock(wall: Self.start)
            try await TestGateway.run(time: .manual(clock)) { gateway in
                let product = try await gateway.createProduct(codes: 5, validityDays: 1)
                let device = try await gateway.importDevice("d1", into: product)
                let online = try TestClient.connected(
                    port: gateway.plainPort, as: .signed(device, secureMode: 3), keepAliveSeconds: 0
                )
                // A sign of life is written on the way; nobody is told that the clock has moved.
                clock.advance(milliseconds: 3_600_000)
                await settle(gateway, product)
                #expect(try consumed(gateway, product) == 1)
                clock.set(wall: Self.start.adding(milliseconds: Self.day + 1_000))
                for _ in 0..<500 where try consumed(gateway, product) != 2 {
                    try await Task.sleep(for: .milliseconds(10))
                }
                #expect(try consumed(gateway, product) == 2)
                #expect(await gateway.gateway.onlineCount(of: product.key) == 1)
                _ = online
            }
        }
    }
}
