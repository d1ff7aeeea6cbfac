import Gateway
import Ledger
import MQTT
import Processes
import Reactor
import Support
import Testing
import Time

@Suite(.waits) struct RenewalSettingTests {
    @Test(
        "B5, B7: with the product's renewal off an online device goes at expiry and is refused until it is on"
    )
    func productOff() async throws {
        try await Replay.run { replay in
            let product = try await replay.world.createProduct(codes: 5, validityDays: 1)
            let device = try await replay.world.importDevice("dk", into: product)
            let client = try replay.connect(device)
            try await replay.world.submit(
                .products(.update(product.key, ProductUpdate(autoRenewal: false))))
            // Rule B6: while the product's setting is off, a device's can't be changed.
            await #expect(throws: TestGatewayError.self) {
                try await replay.world.submit(.devices(.setRenewal(device.identity, false)))
            }
            try await replay.set(Replay.beginning.adding(days: 1))
            #expect(try client.endingCode() == 0x98)
            #expect(try replay.figures(of: product).consumed == 1)
            #expect(try replay.knock(device) == 0x97)
            #expect(try replay.knock(device, version: .v3_1_1) == 5)

            try await replay.world.submit(
                .products(.update(product.key, ProductUpdate(autoRenewal: true))))
            #expect(try replay.knock(device) == 0)
            #expect(try replay.record(of: device).entitlement?.cause == .renewal)
            #expect(try replay.figures(of: product).consumed == 2)
        }
    }

    @Test(
        "B5, B7: a blacklisted device goes at expiry while its neighbour stays; activation by hand lets it in"
    )
    func blacklist() async throws {
        try await Replay.run { replay in
            let product = try await replay.world.createProduct(codes: 5, validityDays: 1)
            let devices = try await replay.world.importDevices(["one", "two"], into: product)
            let (listed, other) = (devices[0], devices[1])
            let (listedClient, otherClient) = (
                try replay.connect(listed), try replay.connect(other)
            )
            try await replay.world.submit(.devices(.setRenewal(listed.identity, false)))
            try await replay.set(Replay.beginning.adding(days: 1))
            #expect(try listedClient.endingCode() == 0x98)
            #expect(try replay.publish(other, through: otherClient) == 0)
            #expect(try replay.figures(of: product).consumed == 3)
            #expect(try replay.knock(listed) == 0x97)

            try await replay.world.submit(.devices(.activateByHand(listed.identity)))
            #expect(try replay.record(of: listed).entitlement?.cause == .manual)
            let client = try replay.connect(listed)
            #expect(try replay.figures(of: product).consumed == 4)
            // Still on the list: the next expiry ends it again, and there is no code for the other.
            try await replay.world.submit(.devices(.setRenewal(other.identity, false)))
            try await replay.set(Replay.beginning.adding(days: 2))
            #expect(try client.endingCode() == 0x98)
            #expect(try otherClient.endingCode() == 0x98)
            #expect(try replay.figures(of: product).consumed == 4)

            try await replay.world.submit(.devices(.setRenewal(listed.identity, true)))
            #expect(try replay.knock(listed) == 0)
            #expect(try replay.figures(of: product).consumed == 5)
            #expect(try replay.knock(other) == 0x97)
        }
    }

    @Test(
        "A5: an upgraded package's allowance holds at once for connected devices, its validity for the next codes"
    )
    func upgrade() async throws {
        try await Replay.run { replay in
            let product = try await replay.world.createProduct(
                codes: 3, messagesPerDay: 2, validityDays: 1)
            let device = try await replay.world.importDevice("dk", into: product)
            let client = try replay.connect(device)
            for _ in 0..<2 { #expect(try replay.publish(device, through: client) == 0) }
            #expect(try replay.publish(device, through: client) == 0x97)
            let large = PackageID("large")!
            try await replay.world.submit(
                .packages(
                    .create(
                        large, name: "large",
                        Allowance(
                            validityDays: 3, messagesPerDay: 5, otaPerMonth: 1, storageDays: 7)!)
                )
            )
            let before = try #require(try replay.record(of: device).entitlement)
            try await replay.world.submit(.products(.upgradePackage(product.key, to: large)))
            for _ in 0..<3 { #expect(try replay.publish(device, through: client) == 0) }
            #expect(try replay.publish(device, through: client) == 0x97)
            #expect(try replay.record(of: device).entitlement == before)

            try await replay.set(before.expiresAt)
            let after = try #require(try replay.record(of: device).entitlement)
            #expect(after.activatedAt == before.expiresAt)
            #expect(after.expiresAt == before.expiresAt.adding(days: 3))
            #expect(try replay.publish(device, through: client) == 0)
            try replay.part(client)
        }
    }
}
