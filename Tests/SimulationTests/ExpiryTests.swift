import Gateway
import Ledger
import MQTT
import Processes
import Reactor
import Support
import TestFiles
import Testing
import Time

@Suite(.waits) struct ExpiryTests {
    @Test(
        "B4: online at expiry, one code is consumed, the period follows on, and nothing interrupts")
    func renewedOnline() async throws {
        try await Replay.run { replay in
            let product = try await replay.world.createProduct(codes: 3, validityDays: 1)
            let device = try await replay.world.importDevice("dk", into: product)
            let client = try replay.connect(device)
            _ = try client.subscribe(device.down("#"), device.sys("#"))
            let first = try #require(try replay.record(of: device).entitlement)
            #expect(first.activatedAt == Replay.beginning)

            try await replay.set(first.expiresAt.adding(milliseconds: -1))
            #expect(try replay.record(of: device).entitlement == first)
            for period: Int64 in 1...2 {
                // Noticed three seconds late, the period still begins where the old one ended.
                let end = Replay.beginning.adding(days: period)
                try await replay.set(end.adding(milliseconds: 3_000))
                let next = try #require(try replay.record(of: device).entitlement)
                #expect(next.period == UInt32(period) + 1)
                #expect(next.activatedAt == end)
                #expect(next.expiresAt == end.adding(days: 1))
                #expect(next.cause == .renewal)
                #expect(try replay.publish(device, through: client) == 0)
            }
            #expect(try replay.figures(of: product).remaining == 0)
            #expect(try replay.history(of: device).map(\.period).sorted() == [1, 2, 3])
            #expect(try await replay.world.unread(by: client) == [])
            try replay.part(client)
        }
    }

    @Test(
        "B5: online at expiry without a code: will published, 0x98, inactive, and refused until one is bought"
    )
    func endedOnline() async throws {
        try await Replay.run { replay in
            let product = try await replay.world.createProduct(codes: 1, validityDays: 1)
            let device = try await replay.world.importDevice("dk", into: product)
            let backend = try await replay.backend(of: product)
            let client = try replay.connect(
                device, will: TestWill(topic: device.up("will"), payload: "gone"))
            let end = try #require(try replay.record(of: device).entitlement).expiresAt
            try await replay.set(end)
            #expect(try client.endingCode() == 0x98)
            #expect(try backend.message().text == "gone")
            #expect(try !replay.record(of: device).isActive)
            #expect(try replay.record(of: device).state(at: replay.now) == .inactive)
            #expect(try replay.figures(of: product).devicesActive == 0)
            #expect(try replay.knock(device) == 0x97)
            #expect(try replay.knock(device, version: .v3_1_1) == 5)

            try await replay.set(end.adding(days: 2))
            try await replay.world.buy(2, for: product)
            let again = try replay.connect(device)
            let next = try #require(try replay.record(of: device).entitlement)
            #expect(next.activatedAt == replay.now)
            #expect(next.period == 2)
            #expect(try replay.figures(of: product).remaining == 1)
            try replay.part(again)
            try replay.part(backend)
        }
    }

    @Test("B5: MQTT 3.1.1 hears of its end on sys/notice, and the connection is closed")
    func endedOnlineOld() async throws {
        try await Replay.run { replay in
            let product = try await replay.world.createProduct(codes: 1, validityDays: 1)
            let device = try await replay.world.importDevice("dk", into: product)
            let client = try replay.connect(device, version: .v3_1_1)
            _ = try client.subscribe(device.sys("#"))
            try await replay.set(Replay.beginning.adding(days: 1))
            let packets = try client.untilClosed()
            #expect(packets.count == 1)
            guard case .publish(let notice) = packets.first else {
                Issue.record("no notice: \(packets)")
                return
            }
            #expect(notice.topic == device.sys("notice"))
            #expect(notice.text == "{\"reason\":\"entitlement-ended\"}")
        }
    }

    @Test(
        "B4: offline at expiry, nothing is consumed until it connects again, and the period starts then"
    )
    func renewedOffline() async throws {
        try await Replay.run { replay in
            let product = try await replay.world.createProduct(codes: 3, validityDays: 1)
            let device = try await replay.world.importDevice("dk", into: product)
            try replay.part(replay.connect(device))
            for day: Int64 in 1...5 {
                try await replay.set(Replay.beginning.adding(days: day).adding(seconds: 61))
                _ = await replay.world.gateway.sweepEnded()
                #expect(try replay.figures(of: product).consumed == 1)
                #expect(try replay.figures(of: product).devicesActive == 0)
            }
            let client = try replay.connect(device)
            let next = try #require(try replay.record(of: device).entitlement)
            #expect(next.activatedAt == replay.now)
            #expect(next.expiresAt == replay.now.adding(days: 1))
            #expect(try replay.figures(of: product).consumed == 2)
            try replay.part(client)
        }
    }

    @Test("B4, B5: of twenty devices that expire together, those for whom a code is left stay")
    func crowd() async throws {
        try await Replay.run { replay in
            let product = try await replay.world.createProduct(codes: 32, validityDays: 1)
            let names = (0..<20).map { "dk\($0)" }
            let devices = try await replay.world.importDevices(names, into: product)
            let clients = try devices.map { try replay.connect($0) }
            try await replay.set(Replay.beginning.adding(days: 1))
            var stayed = 0
            for (device, client) in zip(devices, clients) {
                if try replay.record(of: device).isActive {
                    stayed += 1
                    #expect(try replay.publish(device, through: client) == 0)
                    #expect(try replay.history(of: device).count == 2)
                } else {
                    #expect(try client.endingCode() == 0x98)
                    #expect(try replay.history(of: device).count == 1)
                }
            }
            #expect(stayed == 12)
            #expect(await replay.world.gateway.onlineCount(of: product.key) == 12)
            let figures = try replay.figures(of: product)
            #expect(figures.consumed == 32)
            #expect(figures.remaining == 0)
            #expect(figures.devicesActive == 12)
        }
    }

    @Test("B2, B4: a clock that steps back over an expiry and forward again consumes nothing twice")
    func steppingOverExpiry() async throws {
        try await Replay.run { replay in
            let product = try await replay.world.createProduct(codes: 5, validityDays: 1)
            let device = try await replay.world.importDevice("dk", into: product)
            let client = try replay.connect(device)
            let end = Replay.beginning.adding(days: 1)
            for offset: Int64 in [0, -Replay.hour, 1, -Replay.day, Replay.hour, -1, 0] {
                try await replay.set(end.adding(milliseconds: offset))
                #expect(try replay.publish(device, through: client) == 0)
            }
            #expect(try replay.figures(of: product).consumed == 2)
            try replay.part(client)
            #expect(try replay.knock(device) == 0)
            #expect(try replay.figures(of: product).consumed == 2)
        }
    }

    @Test(
        "B4: the process was down over several expiries: the device that returns consumes one code")
    func downOverExpiry() async throws {
        let clock = ManualClock(wall: Replay.beginning)
        let directory = TemporaryDirectory()
        let (product, device) = try await TestGateway.run(
            time: .manual(clock), directory: directory, configure: Replay.turningByHand
        ) { world in
            let product = try await world.createProduct(codes: 5, validityDays: 1)
            let device = try await world.importDevice("dk", into: product)
            let client = try Replay(clock: clock, world: world).connect(device)
            try client.ping()
            return (product, device)
        }
        clock.set(wall: Replay.beginning.adding(days: 4))
        try await TestGateway.run(
            time: .manual(clock), directory: directory, configure: Replay.turningByHand
        ) { world in
            let replay = Replay(clock: clock, world: world)
            let client = try replay.connect(device)
            #expect(try replay.figures(of: product).consumed == 2)
            #expect(try replay.record(of: device).entitlement?.activatedAt == clock.wall)
            try replay.part(client)
        }
    }
}
