import Gateway
import Ledger
import Linux
import MQTT
import Support
import Synchronization
import Testing

/// Another limit of devices that publish, and what it was before.
struct LimitChange: CustomTestStringConvertible, Sendable {
    let name: String
    let before: TrafficLimits?
    let after: TrafficLimits?

    /// Of half of the devices, by limits of their own; else of their product.
    var isOwn = false

    var testDescription: String { name }

    private static func messages(
        _ perSecond: UInt32, burst: UInt32, _ excess: RateExcess = .refuse
    ) -> TrafficLimits? {
        TrafficLimits(messages: Rate(perSecond: perSecond, burst: burst), excess: excess)
    }

    private static func bytes(_ perSecond: UInt32, burst: UInt32) -> TrafficLimits? {
        TrafficLimits(bytes: Rate(perSecond: perSecond, burst: burst), excess: .refuse)
    }

    static let all = [
        LimitChange(name: "begun", before: nil, after: messages(1, burst: 2)),
        LimitChange(name: "lowered", before: messages(100, burst: 3), after: messages(1, burst: 1)),
        LimitChange(
            name: "raised", before: messages(1, burst: 1), after: messages(1_000, burst: 100)),
        LimitChange(name: "ended", before: messages(1, burst: 1), after: nil),
        LimitChange(
            name: "own", before: messages(1, burst: 1), after: messages(1_000, burst: 100),
            isOwn: true),
        LimitChange(
            name: "bytes lowered", before: bytes(10_000, burst: 300),
            after: bytes(100, burst: 100)),
        LimitChange(
            name: "delay lowered", before: messages(100, burst: 3, .delay),
            after: messages(10, burst: 1, .delay)),
        LimitChange(name: "delay ended", before: messages(1, burst: 1, .delay), after: nil),
        LimitChange(
            name: "disconnect begun", before: nil, after: messages(1, burst: 2, .disconnect)),
    ]
}

extension WholeGateway {
    /// Limits that become other ones while many publish, and while many connect.
    @Suite("Limits while many publish") struct LimitRaceTests {
        static let devices = 1_000

        /// PUBLISHes of each device that race the change, and so many that are sent when it has been answered.
        static let early = 3
        static let late = 3

        /// Bytes of a PUBLISH's topic and payload.
        static let bytes = 100

        /// What the ones that publish and the one that changes know of each other.
        private final class Course: Sendable {
            let isAnswered = Atomic(false)
            let begun = Atomic(0)

            /// Monotonic nanoseconds, before the change was asked for, and when it had been answered.
            let asked = Atomic<Int64>(0)
            let answered = Atomic<Int64>(0)
        }

        private static var now: Int64 { MonotonicInstant.now().nanoseconds }

        /// What the gateway has made of PUBLISHes.
        private struct Tally: Sendable {
            var passed = 0
            var refused = 0
            var ended = 0

            mutating func add(_ other: Tally) {
                passed += other.passed
                refused += other.refused
                ended += other.ended
            }
        }

        /// A device that publishes, and what it is held to.
        private final class Publisher {
            let device: TestDevice
            let client: TestClient
            let before: TrafficLimits?
            let after: TrafficLimits?

            /// Its limits are other ones, with full buckets, from the change on.
            let isChanged: Bool
            var began: Int64 = 0

            init(_ device: TestDevice, _ gateway: TestGateway, _ change: LimitChange, _ number: Int)
                throws
            {
                self.device = device
                client = try gateway.connect(device)
                isChanged = !change.isOwn || RaceStage.isInFirstHalf(number)
                before = change.before
                after = isChanged ? change.after : change.before
            }

            func publish(_ packetIDs: ClosedRange<UInt16>) throws {
                let topic = device.up()
                let payload = [UInt8](repeating: 0x78, count: bytes - topic.utf8.count)
                for packetID in packetIDs {
                    try client.sendPublish(topic, payload, qos: .atLeastOnce, packetID: packetID)
                }
            }

            /// What the packets were answered, by their identifiers, and why the connection has ended, if it has.
            func answers() throws -> (codes: [UInt16: UInt8], ending: String?) {
                var codes: [UInt16: UInt8] = [:]
                var ending: String?
                while codes.count < early + late, let packet = try client.next() {
                    if case .acknowledgement(let answer) = packet {
                        #expect(codes[answer.packetID] == nil)
                        codes[answer.packetID] = answer.code
                    } else if case .disconnect(_, let text) = packet {
                        ending = text
                    }
                }
                return (codes, ending)
            }
        }

        /// So many PUBLISHes a limit lets through in a time from a full bucket; `nil`: no end of them.
        private static func allowance(_ limits: TrafficLimits?, nanoseconds: Int64) -> Double? {
            let seconds = Double(nanoseconds) / 1e9
            let ofMessages = limits?.messages.map {
                Double($0.burst) + Double($0.perSecond) * seconds
            }
            let ofBytes = limits?.bytes.map {
                (Double($0.burst) + Double($0.perSecond) * seconds) / Double(bytes)
            }
            return [ofMessages, ofBytes].compactMap { $0 }.min()
        }

        /// Each PUBLISH was answered, or its connection has ended by the limit; and what has passed is what the buckets let.
        private static func check(_ publisher: Publisher, _ course: Course) throws -> Tally {
            let (codes, ending) = try publisher.answers()
            let end = now
            let (asked, answered) = (
                course.asked.load(ordering: .acquiring), course.answered.load(ordering: .acquiring)
            )
            let passed = codes.values.count { $0 < 0x80 }
            let latePassed = codes.count { $0.key > UInt16(early) && $0.value < 0x80 }
            let excess = publisher.after?.excess
            let name = "\(publisher.device.identity): \(codes) \(ending ?? "")"
            #expect(codes.values.allSatisfy { $0 < 0x80 || $0 == 0x97 }, "\(name)")
            if excess == .disconnect {
                #expect(
                    codes.count == early + late || ending == Reason.messageRateTooHigh.text,
                    "\(name)")
            } else {
                #expect(codes.count == early + late && ending == nil, "\(name)")
            }
            let began = publisher.began
            if publisher.isChanged {
                if let first = allowance(publisher.before, nanoseconds: answered - began),
                    let second = allowance(publisher.after, nanoseconds: end - asked)
                {
                    #expect(Double(passed) <= max(0, first) + second, "\(name)")
                }
                if let most = allowance(publisher.after, nanoseconds: end - asked) {
                    #expect(Double(latePassed) <= most, "\(name)")
                }
            } else if let most = allowance(publisher.before, nanoseconds: end - began) {
                #expect(Double(passed) <= most, "\(name)")
            }
            // A full bucket for all of them, or no limit: then none that is late is refused.
            let room = allowance(publisher.after, nanoseconds: 0) ?? .infinity
            if excess == .delay || room >= Double(early + late) {
                #expect(latePassed == late, "\(name)")
            }
            if excess == .refuse {
                let least = min(
                    Double(early), allowance(publisher.before, nanoseconds: 0) ?? .infinity, room)
                #expect(Double(passed) >= least, "\(name)")
            }
            return Tally(
                passed: passed, refused: codes.count - passed, ended: ending == nil ? 0 : 1)
        }

        private static func run(
            _ lane: Int, _ devices: [TestDevice], _ change: LimitChange, _ gateway: TestGateway,
            _ course: Course
        ) throws -> Tally {
            let publishers = try stride(from: lane, to: devices.count, by: RaceStage.lanes).map {
                try Publisher(devices[$0], gateway, change, $0)
            }
            for publisher in publishers {
                publisher.began = now
                course.begun.add(1, ordering: .relaxed)
                try publisher.publish(1...UInt16(early))
            }
            let isAnswered = Patience.awaits { course.isAnswered.load(ordering: .acquiring) }
            #expect(isAnswered)
            for publisher in publishers {
                // It may have been sent away.
                try? publisher.publish(UInt16(early + 1)...UInt16(early + late))
            }
            return try publishers.reduce(into: Tally()) { $0.add(try check($1, course)) }
        }

        private static func carryOut(
            _ change: LimitChange, of product: TestProduct, _ devices: [TestDevice],
            _ gateway: TestGateway, _ course: Course
        ) async throws {
            defer { course.isAnswered.store(true, ordering: .releasing) }
            try await until { course.begun.load(ordering: .relaxed) >= Self.devices / 2 }
            course.asked.store(now, ordering: .releasing)
            if change.isOwn {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for (number, device) in devices.enumerated()
                    where RaceStage.isInFirstHalf(number) {
                        group.addTask {
                            _ = try await gateway.submit(
                                .devices(.setLimits(device.identity, change.after)))
                        }
                    }
                    try await group.waitForAll()
                }
            } else {
                try await gateway.submit(.products(.setLimits(product.key, change.after)))
            }
            // A shard that was in the middle of a turn hears of it in the next one.
            await gateway.settle()
            course.answered.store(now, ordering: .releasing)
        }

        @Test(
            "while 1,000 publish at QoS 1, a limit that becomes another one loses nothing in silence, lets through what its buckets let, before and after, and counts what has passed",
            .timeLimit(.minutes(5)), arguments: LimitChange.all)
        func publishing(_ change: LimitChange) async throws {
            _ = try ProcessLimits.raiseOpenFiles(to: 1 << 16)
            try await TestGateway.run(
                shards: 2, configure: { $0.limits.handshakesInFlight = 20_000 }
            ) { gateway in
                let product = try await gateway.createProduct(codes: UInt64(Self.devices))
                let devices = try await gateway.importDevices(
                    (0..<Self.devices).map { "dk\($0)" }, into: product)
                try await gateway.submit(.products(.setLimits(product.key, change.before)))
                let course = Course()
                var sum = Tally()
                try await withThrowingTaskGroup(of: Tally.self) { group in
                    for lane in 0..<RaceStage.lanes {
                        group.addTask {
                            try Self.run(lane, devices, change, gateway, course)
                        }
                    }
                    try await Self.carryOut(change, of: product, devices, gateway, course)
                    for try await tally in group { sum.add(tally) }
                }
                var used: UInt64 = 0
                for device in devices { used += try await gateway.usedToday(device).used }
                #expect(used == UInt64(sum.passed))
                try await until { await gateway.endings(.messageRateTooHigh) == sum.ended }
                if change.after?.excess != .disconnect {
                    #expect(sum.ended == 0)
                    #expect(
                        await gateway.metric("tollgate_publishes_over_rate_total") ?? 0
                            == sum.refused)
                }
                for device in devices.prefix(10) where sum.ended == 0 {
                    try gateway.connect(device).ping()
                }
            }
        }

        // MARK: What is agreed on with CONNACK

        private static let wide = TrafficLimits(
            inflightMessages: 20, packetBytes: 2_000, subscriptions: 10)
        private static let narrow = TrafficLimits(
            inflightMessages: 2, packetBytes: 200, subscriptions: 1)

        /// What CONNACK says, it is held to.
        private static func holdToWord(
            _ client: TestClient, _ answer: TestPacket.Connack, _ device: TestDevice
        ) throws {
            let isNarrow = answer.receiveMaximum == 2
            #expect(answer.receiveMaximum == (isNarrow ? 2 : 20))
            #expect(answer.maximumPacketSize == (isNarrow ? 200 : 2_000))
            // Filters are counted by the limit of now.
            #expect(try client.subscribe(device.down("#")) == [1])
            #expect(try client.subscribe(device.sys("#")) == [0x97])
            for packetID in 1...3 as ClosedRange<UInt16> {
                try client.sendPublish(device.up(), [], qos: .exactlyOnce, packetID: packetID)
            }
            if isNarrow {
                #expect(try client.endingCode() == 0x93)
            } else {
                for packetID in 1...3 as ClosedRange<UInt16> {
                    #expect(try client.acknowledgement(.pubrec, packetID).code < 0x80)
                }
                let long = String(repeating: "x", count: 1_000)
                #expect(try client.publish(device.up(), long, qos: .atMostOnce) == nil)
                try client.ping()
            }
        }

        private static func connect(
            _ lane: Int, _ devices: [TestDevice], _ gateway: TestGateway, _ course: RaceCourse
        ) throws -> (wide: Int, narrow: Int) {
            var agreed: [(TestClient, TestPacket.Connack, TestDevice)] = []
            for number in stride(from: lane, to: devices.count, by: RaceStage.lanes) {
                if number >= devices.count * 3 / 4 { course.awaitAnswer() }
                let isLate = course.isAnswered.load(ordering: .sequentiallyConsistent)
                course.begun.add(1, ordering: .relaxed)
                let client = try TestClient(port: gateway.plainPort)
                let answer = try client.connect(as: .signed(devices[number], secureMode: 3))
                #expect(answer.code == 0)
                if isLate { #expect(answer.receiveMaximum == 2) }
                agreed.append((client, answer, devices[number]))
            }
            for (client, answer, device) in agreed { try holdToWord(client, answer, device) }
            let narrow = agreed.count { $0.1.receiveMaximum == 2 }
            return (agreed.count - narrow, narrow)
        }

        @Test(
            "while 1,000 connect, lower limits of packets, filters and messages under way are agreed on with all that come later, and each is held to what its CONNACK says",
            .timeLimit(.minutes(5)))
        func connecting() async throws {
            _ = try ProcessLimits.raiseOpenFiles(to: 1 << 16)
            try await TestGateway.run(
                shards: 2, configure: { $0.limits.handshakesInFlight = 20_000 }
            ) { gateway in
                let product = try await gateway.createProduct(codes: UInt64(Self.devices))
                let devices = try await gateway.importDevices(
                    (0..<Self.devices).map { "dk\($0)" }, into: product)
                try await gateway.submit(.products(.setLimits(product.key, Self.wide)))
                let course = RaceCourse()
                var (wide, narrow) = (0, 0)
                try await withThrowingTaskGroup(of: (wide: Int, narrow: Int).self) { group in
                    for lane in 0..<RaceStage.lanes {
                        group.addTask { try Self.connect(lane, devices, gateway, course) }
                    }
                    try await course.change(
                        behind: Self.devices / 4, at: gateway,
                        [.products(.setLimits(product.key, Self.narrow))])
                    for try await lane in group {
                        wide += lane.wide
                        narrow += lane.narrow
                    }
                }
                #expect(wide + narrow == Self.devices && narrow >= Self.devices / 4)
                try await until { await gateway.endings(.receiveMaximumExceeded) == narrow }
            }
        }
    }
}
