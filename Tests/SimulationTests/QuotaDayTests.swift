import Gateway
import Ledger
import Metering
import MQTT
import Processes
import Reactor
import Support
import TestFiles
import Testing
import Time

@Suite(.waits) struct QuotaDayTests {
    @Test("C5, C3: the allowance is new at midnight of the product's offset, and not before")
    func midnightAtTheOffset() async throws {
        // At 10:00Z: midnights at 16:00Z (+8 h), 00:00Z and 05:00Z (-5 h).
        try await Replay.run { replay in
            for (name, minutes, hours) in [("east", 480, 6), ("utc", 0, 14), ("west", -300, 19)] {
                let product = try await replay.world.createProduct(
                    name,
                    messagesPerDay: 3,
                    dayOffset: UTCOffset(minutes: minutes)!
                )
                let device = try await replay.world.importDevice("dk", into: product)
                let client = try replay.connect(device)
                try await replay.set(Replay.beginning)
                for _ in 0..<3 { #expect(try replay.publish(device, through: client) == 0) }
                #expect(try replay.publish(device, through: client) == 0x97)

                let midnight = Replay.beginning.adding(milliseconds: Int64(hours) * Replay.hour)
                try await replay.set(midnight.adding(milliseconds: -1))
                #expect(try replay.publish(device, through: client) == 0x97)
                try await replay.set(midnight)
                for _ in 0..<3 { #expect(try replay.publish(device, through: client) == 0) }
                #expect(try replay.publish(device, through: client) == 0x97)
                try replay.part(client)
            }
        }
    }

    @Test(
        "C5: a clock that steps over midnight, there and back, loses no count and resets none twice"
    )
    func steppingOverMidnight() async throws {
        try await Replay.run { replay in
            let product = try await replay.world.createProduct(messagesPerDay: 5)
            let device = try await replay.world.importDevice("dk", into: product)
            let client = try replay.connect(device)
            let midnight = Replay.beginning.adding(milliseconds: 14 * Replay.hour)
            let (before, after) = (
                midnight.adding(milliseconds: -1), midnight.adding(milliseconds: 1)
            )
            try await replay.set(before)
            for _ in 0..<3 { #expect(try replay.publish(device, through: client) == 0) }
            try await replay.set(after)
            for _ in 0..<2 { #expect(try replay.publish(device, through: client) == 0) }
            try await replay.set(before)
            for _ in 0..<2 { #expect(try replay.publish(device, through: client) == 0) }
            #expect(try replay.publish(device, through: client) == 0x97)
            try await replay.set(after)
            for _ in 0..<3 { #expect(try replay.publish(device, through: client) == 0) }
            #expect(try replay.publish(device, through: client) == 0x97)

            let usage = try await replay.world.gateway.usage(of: device.identity)
            #expect(usage.today.used == 5)
            #expect(usage.history.map(\.used) == [5])
            try replay.part(client)
        }
    }

    @Test("C5: a clock that wanders over several days and back finds each day's count")
    func wandering() async throws {
        try await Replay.run { replay in
            let product = try await replay.world.createProduct(messagesPerDay: 4)
            let device = try await replay.world.importDevice("dk", into: product)
            let client = try replay.connect(device)
            let day = { (number: Int64) in
                Replay.beginning.adding(milliseconds: number * Replay.day)
            }
            for number: Int64 in [0, 1, 2, 3, 1, 0, 2] {
                try await replay.set(day(number))
                _ = try replay.publish(device, through: client)
                // Sometimes the store has the count by the time the clock moves on, sometimes not.
                if number % 2 == 1 { try await replay.pass(milliseconds: 6_000) }
            }
            for (number, left): (Int64, Int) in [(0, 2), (1, 2), (2, 2), (3, 3)] {
                try await replay.set(day(number))
                for _ in 0..<left { #expect(try replay.publish(device, through: client) == 0) }
                #expect(try replay.publish(device, through: client) == 0x97)
            }
            try replay.part(client)
        }
    }

    @Test("C4: the notice of a used-up allowance comes once a day, and again the day after")
    func noticeOnceADay() async throws {
        try await Replay.run { replay in
            let product = try await replay.world.createProduct(messagesPerDay: 1)
            let device = try await replay.world.importDevice("dk", into: product)
            let client = try replay.connect(device, version: .v3_1_1)
            #expect(try client.subscribe(device.sys("notice")) == [1])
            for day: Int64 in 0..<2 {
                try await replay.set(Replay.beginning.adding(milliseconds: day * Replay.day))
                for _ in 0..<3 { #expect(try replay.publish(device, through: client) == 0) }
                let notice = try client.message()
                #expect(notice.topic == device.sys("notice"))
                #expect(notice.text.contains("\"reason\":\"quota-exhausted\""))
                #expect(try await replay.world.unread(by: client) == [])
            }
            try replay.part(client)
        }
    }

    @Test("C7, C8: a restart in the middle of the day goes on with the day's counts")
    func restartInTheDay() async throws {
        let clock = ManualClock(wall: Replay.beginning)
        let directory = TemporaryDirectory()
        let device = try await TestGateway.run(
            time: .manual(clock), directory: directory, configure: Replay.turningByHand
        ) {
            world in
            let replay = Replay(clock: clock, world: world)
            let product = try await world.createProduct(messagesPerDay: 5)
            let device = try await world.importDevice("dk", into: product)
            let client = try replay.connect(device)
            for _ in 0..<3 { #expect(try replay.publish(device, through: client) == 0) }
            return device
        }
        try await TestGateway.run(
            time: .manual(clock), directory: directory, configure: Replay.turningByHand
        ) { world in
            let replay = Replay(clock: clock, world: world)
            #expect(try await world.gateway.usage(of: device.identity).today.used == 3)
            let client = try replay.connect(device)
            for _ in 0..<2 { #expect(try replay.publish(device, through: client) == 0) }
            #expect(try replay.publish(device, through: client) == 0x97)
            try replay.part(client)
            #expect(try await world.gateway.usage(of: device.identity).today.used == 5)
            #expect(try replay.record(of: device).codesConsumed == 1)
        }
    }
}
