import Gateway
import Ledger
import MQTT
import Processes
import Support
import TestFiles
import Testing
import Time

/// Top-up packs over hours and days, on the manual clock (rule C6).
@Suite(.waits) struct TopUpDayTests {
    /// Two flush intervals: a lease that is not drawn from has gone back to its pack then.
    private func rest(_ replay: Replay) async throws {
        for _ in 0..<2 { try await replay.pass(milliseconds: 5_000) }
    }

    private func publish(_ count: Int, _ device: TestDevice, _ client: TestClient) throws -> [UInt8]
    {
        try (0..<count).map { _ in
            try client.publish(device.up(), "x", qos: .atLeastOnce)?.code ?? 0xFF
        }
    }

    @Test("C6: the pack that expires first is used first, whichever was bought first")
    func firstExpiringFirst() async throws {
        try await Replay.run { replay in
            let product = try await replay.world.createProduct(messagesPerDay: 1)
            let device = try await replay.world.importDevice("dk", into: product)
            let client = try replay.connect(device)
            try await replay.world.buyPack(10, for: product, hours: 72)
            try await replay.world.buyPack(3, for: product, hours: 48)
            #expect(try publish(5, device, client) == [0, 0, 0, 0, 0])
            try await rest(replay)
            #expect(try replay.world.packs(of: product).map(\.used) == [3, 1])
            // One that expires still earlier goes in front, also while another is being used.
            #expect(try publish(1, device, client) == [0])
            try await replay.world.buyPack(2, for: product, hours: 24)
            #expect(try publish(3, device, client) == [0, 0, 0])
            try await rest(replay)
            let packs = try replay.world.packs(of: product)
            #expect(packs.map(\.used) == [2, 3, 3])
            #expect(packs.map(\.remaining) == [0, 0, 7] && packs.map(\.leased) == [0, 0, 0])
            try replay.part(client)
        }
    }

    @Test(
        "C6: from its expiry on a pack pays for nothing, leased or not, and what was left expires")
    func expiry() async throws {
        try await Replay.run { replay in
            let product = try await replay.world.createProduct(messagesPerDay: 0)
            let device = try await replay.world.importDevice("dk", into: product)
            let client = try replay.connect(device)
            try await replay.world.buyPack(100, for: product, hours: 1)
            let end = Replay.beginning.adding(milliseconds: Replay.hour)
            #expect(try publish(3, device, client) == [0, 0, 0])
            try await replay.set(end.adding(milliseconds: -1))
            #expect(try publish(2, device, client) == [0, 0])
            try await replay.set(end)
            #expect(try publish(2, device, client) == [0x97, 0x97])
            try await replay.world.submit(.topUps(.expire(limit: 10)))
            try await rest(replay)
            let pack = try #require(try replay.world.packs(of: product).first)
            #expect(pack.used == 5 && pack.expired == 95)
            #expect(pack.remaining == 0 && pack.leased == 0)
            // Another pack takes over at once.
            try await replay.world.buyPack(1, for: product, hours: 1)
            #expect(try publish(2, device, client) == [0, 0x97])
            try replay.part(client)
        }
    }

    @Test(
        "C5, C6, C8: at midnight the allowance is new, and each day shows what it took from packs")
    func midnight() async throws {
        try await Replay.run { replay in
            let product = try await replay.world.createProduct(messagesPerDay: 2)
            let device = try await replay.world.importDevice("dk", into: product)
            let client = try replay.connect(device, version: .v3_1_1)
            _ = try client.subscribe(device.sys("notice"))
            try await replay.world.buyPack(4, for: product, hours: 100)
            #expect(try publish(5, device, client).count == 5)
            #expect(try await replay.world.unread(by: client) == [])
            try await replay.set(Replay.beginning.adding(milliseconds: Replay.day))
            #expect(try publish(4, device, client).count == 4)
            // The day's third was the pack's last, and the notice is the fourth's.
            let notice = try client.message()
            #expect(notice.text.contains("\"used\":2,\"topUp\":1,"))
            let usage = try await replay.world.gateway.usage(of: device.identity)
            #expect(usage.today.used == 2 && usage.today.topUp == 1)
            #expect(usage.history.map(\.used) == [2] && usage.history.map(\.topUp) == [3])
            // Back over midnight, where its count is as it was.
            try await replay.set(Replay.beginning)
            let back = try await replay.world.usedToday(device)
            #expect(back.used == 2 && back.topUp == 3)
            try replay.part(client)
        }
    }

    @Test("C6: what a shard does not use for a flush interval goes back to the pack")
    func idle() async throws {
        try await Replay.run { replay in
            let product = try await replay.world.createProduct(messagesPerDay: 0)
            let device = try await replay.world.importDevice("dk", into: product)
            let client = try replay.connect(device)
            try await replay.world.buyPack(40, for: product)
            #expect(try publish(2, device, client) == [0, 0])
            #expect(try replay.world.packs(of: product)[0].leased == 10)
            try await rest(replay)
            let pack = try replay.world.packs(of: product)[0]
            #expect(pack.used == 2 && pack.remaining == 38 && pack.leased == 0)
            try replay.part(client)
        }
    }

    @Test("A5, C6: a package with a larger allowance saves the pack from that moment")
    func upgraded() async throws {
        try await Replay.run { replay in
            let product = try await replay.world.createProduct(messagesPerDay: 1)
            let device = try await replay.world.importDevice("dk", into: product)
            let client = try replay.connect(device)
            try await replay.world.buyPack(10, for: product)
            #expect(try publish(3, device, client) == [0, 0, 0])
            let gold = try #require(PackageID("gold"))
            let allowance = try #require(
                Allowance(validityDays: 365, messagesPerDay: 3, otaPerMonth: 1, storageDays: 7))
            try await replay.world.submit(.packages(.create(gold, name: "Gold", allowance)))
            try await replay.world.submit(.products(.upgradePackage(product.key, to: gold)))
            #expect(try publish(3, device, client) == [0, 0, 0])
            let usage = try await replay.world.usedToday(device)
            #expect(usage.used == 3 && usage.topUp == 3)
            try replay.part(client)
        }
    }
}
