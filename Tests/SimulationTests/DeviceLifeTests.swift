import Gateway
import Ledger
import MQTT
import Processes
import Reactor
import Support
import Testing
import Time

@Suite(.waits) struct DeviceLifeTests {
    @Test(
        "B8: a deleted device is disconnected, returns inside its validity for nothing, and later for a code"
    )
    func deletionAndReturn() async throws {
        try await Replay.run { replay in
            let product = try await replay.world.createProduct(codes: 3, validityDays: 2)
            let device = try await replay.world.importDevice("dk", into: product)
            let client = try replay.connect(device)
            try await replay.world.submit(.devices(.delete(device.identity)))
            #expect(try client.endingCode() == 0x98)
            #expect(try replay.figures(of: product).devicesKnown == 0)

            try await replay.set(Replay.beginning.adding(days: 1))
            let returned = try replay.connect(device)
            #expect(try replay.figures(of: product).consumed == 1)
            #expect(try replay.figures(of: product).devicesKnown == 1)
            let expiry = Replay.beginning.adding(days: 2)
            #expect(try replay.record(of: device).entitlement?.expiresAt == expiry)
            try await replay.world.submit(.devices(.delete(device.identity)))
            #expect(try returned.endingCode() == 0x98)

            try await replay.set(expiry.adding(milliseconds: 1))
            #expect(try replay.knock(device) == 0)
            #expect(try replay.figures(of: product).consumed == 2)
            #expect(try replay.record(of: device).entitlement?.activatedAt == replay.now)
        }
    }

    @Test(
        "B12: a disabled device is disconnected and refused, its entitlement runs on, and enabling costs nothing"
    )
    func disabling() async throws {
        try await Replay.run { replay in
            let product = try await replay.world.createProduct(codes: 3, validityDays: 2)
            let device = try await replay.world.importDevice("dk", into: product)
            let client = try replay.connect(device)
            try await replay.world.submit(.devices(.setDisabled(device.identity, true)))
            #expect(try client.endingCode() == 0x87)
            #expect(try replay.knock(device) == 0x87)
            #expect(try replay.knock(device, version: .v3_1_1) == 5)
            #expect(try replay.figures(of: product).devicesActive == 0)

            try await replay.set(Replay.beginning.adding(days: 1))
            try await replay.world.submit(.devices(.setDisabled(device.identity, false)))
            #expect(try replay.knock(device) == 0)
            #expect(try replay.figures(of: product).consumed == 1)

            // Ended while disabled: nothing is consumed before it is let in again.
            try await replay.world.submit(.devices(.setDisabled(device.identity, true)))
            try await replay.set(Replay.beginning.adding(days: 3))
            _ = await replay.world.gateway.sweepEnded()
            #expect(try replay.knock(device) == 0x87)
            #expect(try replay.figures(of: product).consumed == 1)
            try await replay.world.submit(.devices(.setDisabled(device.identity, false)))
            #expect(try replay.knock(device) == 0)
            #expect(try replay.figures(of: product).consumed == 2)
        }
    }

    @Test(
        "B9: the devices of a deleted product are disconnected and refused, and no code comes back")
    func productDeleted() async throws {
        try await Replay.run { replay in
            let product = try await replay.world.createProduct("old", codes: 4)
            let kept = try await replay.world.createProduct("kept", codes: 4)
            let devices = try await replay.world.importDevices(["one", "two"], into: product)
            let bystander = try await replay.world.importDevice("one", into: kept)
            let clients = try devices.map { try replay.connect($0) }
            let other = try replay.connect(bystander)
            try await replay.world.submit(.products(.delete(product.key)))
            for client in clients { #expect(try client.endingCode() == 0x98) }
            for device in devices {
                #expect(try replay.knock(device) == 0x86)
                #expect(try replay.knock(device, version: .v3_1_1) == 4)
            }
            #expect(try replay.publish(bystander, through: other) == 0)
            #expect(await replay.world.gateway.onlineCount(of: product.key) == 0)
            #expect(await replay.world.gateway.onlineCount(of: kept.key) == 1)
            try replay.part(other)
        }
    }

    @Test(
        "B3: without a code a new device is refused with a reason of its own, and a known one gets in"
    )
    func emptyPool() async throws {
        try await Replay.run { replay in
            let product = try await replay.world.createProduct(codes: 1, validityDays: 2)
            let devices = try await replay.world.importDevices(["one", "two"], into: product)
            #expect(try replay.knock(devices[0]) == 0)
            #expect(try replay.knock(devices[1]) == 0x97)
            #expect(try replay.record(of: devices[1]).codesConsumed == 0)
            try await replay.set(Replay.beginning.adding(days: 1))
            #expect(try replay.knock(devices[0]) == 0)
            try await replay.world.buy(1, for: product)
            #expect(try replay.knock(devices[1]) == 0)
        }
    }
}
