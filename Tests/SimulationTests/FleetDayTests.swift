import Gateway
import Ledger
import MQTT
import Metering
import Processes
import Reactor
import Support
import TestFiles
import Testing
import Time

/// A day of a fleet: three products with midnights of their own, hour by hour for 30 hours, with
/// uplink and downlink, devices that come and go, and a restart at noon. A plain model counts along.
@Suite(.waits) struct FleetDayTests {
    private struct Member {
        let device: TestDevice
        let offset: UTCOffset
        var used: [Day: Int] = [:]
    }

    private static let allowance = 40
    private static let hours: Int64 = 30

    @Test(
        "C1, C3, C5, C7, C8, C10: every count of a day's fleet is what a plain model counts, over a restart"
    )
    func day() async throws {
        let clock = ManualClock(wall: Replay.beginning)
        let directory = TemporaryDirectory()
        var members: [Member] = []
        var key: TestApplication?
        // One gateway serves until noon of the day, another one the rest.
        for shift in [0...Int64(12), 13...Self.hours - 1] {
            try await TestGateway.run(
                time: .manual(clock), directory: directory, configure: Replay.turningByHand
            ) { world in
                let replay = Replay(clock: clock, world: world)
                if members.isEmpty {
                    members = try await Self.found(replay)
                    key = try await world.createApplication()
                }
                for hour in shift {
                    clock.set(wall: Replay.beginning.adding(milliseconds: hour * Replay.hour))
                    try await replay.settle()
                    try await Self.serve(hour, &members, key!, replay)
                }
            }
        }
        try await TestGateway.run(
            time: .manual(clock), directory: directory, configure: Replay.turningByHand
        ) { world in
            for member in members {
                let usage = try await world.gateway.usage(of: member.device.identity)
                let today = Day(of: clock.wall, at: member.offset)
                #expect(usage.today.day == today)
                #expect(Int(usage.today.used) == member.used[today, default: 0])
                let history = Dictionary(
                    uniqueKeysWithValues: usage.history.map { ($0.day, Int($0.used)) })
                #expect(history == member.used.filter { $0.key < today && $0.value > 0 })
            }
            for (offset, group) in Dictionary(grouping: members, by: { $0.offset }) {
                let today = Day(of: clock.wall, at: offset)
                for day in [today.adding(days: -1), today] {
                    let total = try world.gateway.usage.total(
                        of: group[0].device.identity.product, on: day)
                    #expect(Int(total) == group.reduce(0) { $0 + $1.used[day, default: 0] })
                }
            }
        }
    }

    private static func found(_ replay: Replay) async throws -> [Member] {
        var members: [Member] = []
        for minutes in [0, 330, -480] {
            let offset = UTCOffset(minutes: minutes)!
            let product = try await replay.world.createProduct(
                "zone\(members.count)",
                codes: 8,
                messagesPerDay: UInt64(allowance),
                dayOffset: offset
            )
            let names = (0..<8).map { "dk\($0)" }
            members += try await replay.world.importDevices(names, into: product).map {
                Member(device: $0, offset: offset)
            }
        }
        return members
    }

    /// One hour: device number n is there in hours that n + 2 does not divide, and sends n uplink
    /// messages of up to two units; every third gets a downlink message.
    private static func serve(
        _ hour: Int64,
        _ members: inout [Member],
        _ key: TestApplication,
        _ replay: Replay
    ) async throws {
        let backend = try TestClient.connected(
            port: replay.world.plainPort, as: .application(key), keepAliveSeconds: 0)
        for index in members.indices where hour % Int64(index % 8 + 2) != 0 {
            let device = members[index].device
            let today = Day(of: replay.now, at: members[index].offset)
            let client = try replay.connect(device)
            _ = try client.subscribe(device.down("#"))
            for message in 0..<index % 8 {
                let units = message % 3 == 2 ? 2 : 1
                let payload = [UInt8](repeating: 7, count: units == 2 ? 513 : message)
                let code = try client.publish(device.up(), bytes: payload, qos: .atLeastOnce)?.code
                let fits = members[index].used[today, default: 0] + units <= allowance
                #expect(code == (fits ? 0 : 0x97))
                if fits { members[index].used[today, default: 0] += units }
            }
            if index % 3 == 0 {
                let fits = members[index].used[today, default: 0] < allowance
                let code = try backend.publish(device.down(), "do", qos: .atLeastOnce)?.code
                // Rule C10: the sender is told.
                #expect(code == (fits ? 0 : 0x97))
                if fits {
                    #expect(try client.message().text == "do")
                    members[index].used[today, default: 0] += 1
                } else {
                    // Rules C3 and C10: not delivered, and its sender knows.
                    #expect(try await replay.world.unread(by: client) == [])
                }
            }
            try replay.part(client)
        }
        try replay.part(backend)
    }
}
