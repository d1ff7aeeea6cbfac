import Bytes
import Ledger
import Linux
import MQTT
import Reactor
import Support
import Testing
import Time

@testable import Gateway

/// What presence and the gateway's own figures ask of the topic tree and the broker.
@Suite struct PresenceTopicTests {
    @Test("the topics are d/{PK}/{DK}/presence and d/{PK}/{DK}/state, and no others")
    func topic() {
        func device(_ topic: String) -> String? {
            GatewayTopic.prefixCount(of: topic.utf8Span.span)
                .map { String(decoding: Array(topic.utf8).prefix($0), as: UTF8.self) }
        }
        #expect(device("d/lamp/dk1/presence") == "d/lamp/dk1/")
        #expect(device("d/lamp/dk1/state") == "d/lamp/dk1/")
        for other in [
            "d/lamp/presence", "d/lamp/dk1/up/presence", "d/lamp/dk1/presence/x", "presence",
            "/presence", "x/lamp/dk1/presence", "d/lamp/dk1/absence", "d/lamp/dk1/Presence", "",
            "d/lamp/dk1presence", "d/lamp/state", "d/lamp/dk1/up/state", "d/lamp/dk1/sys/state",
            "d/lamp/dk1/estate", "state", "/state", "e",
        ] {
            #expect(device(other) == nil, "\(other)")
        }
    }

    @Test("a filter matches that names the last level, with + for those before and # for none")
    func naming() {
        var tree = TopicTree(seed: 7, shard: 0)
        let filters = [
            "d/lamp/dk1/presence", "d/lamp/+/presence", "d/+/+/presence", "+/+/+/presence",
            "$share/g/d/+/dk1/presence", "d/lamp/dk2/presence", "d/lamp/+/+", "d/lamp/#", "#",
            "d/lamp/dk1/presence/#", "d/lamp/presence", "d/lamp/dk1",
        ]
        for (number, filter) in filters.enumerated() {
            tree.insert(Subscriber(SessionAddress(0, UInt32(number))), filter)
        }
        let (name, device) = ("presence", "d/lamp/dk1/")
        var matches = Matches()
        tree.collect(naming: name.utf8Span.span, below: device.utf8Span.span, into: &matches)
        #expect(matches.receivers.map(\.session.token.slot) == [0, 1, 2, 3, 4])
        // What another node has chosen the receivers for is matched in the same way here.
        let topic = device + name
        tree.collect(topic.utf8Span.span, isForSubscribers: true, shares: [], into: &matches)
        #expect(matches.receivers.map(\.session.token.slot) == [0, 1, 2, 3])
    }

    @Test("whether a filter begins with $SYS is known from the first level alone")
    func systemFilters() {
        let root = "$SYS"
        for (filter, isBelow) in [
            ("$SYS/#", true), ("$SYS/broker/uptime", true), ("$share/g/$SYS/+", true),
            ("#", false), ("+/broker/#", false), ("$SYS", false), ("d/$SYS/#", false),
        ] {
            var tree = TopicTree(seed: 7, shard: 0)
            let before = tree.hasFilters(below: root.utf8Span.span)
            tree.insert(Subscriber(SessionAddress(0, 1)), filter)
            let during = tree.hasFilters(below: root.utf8Span.span)
            _ = tree.remove(SessionAddress(0, 1), filter)
            let after = tree.hasFilters(below: root.utf8Span.span)
            #expect(!before && during == isBelow && !after, "\(filter)")
        }
    }

    @Test("nothing is made of a coming and going that no filter names, and an end is told once")
    func unheard() throws {
        var bench = try OrganBench()
        let application = try bench.connect("a")
        try bench.subscribe(application, to: "d/lamp/#")
        let device = try connectDevice(&bench)
        let start = ProcessorTime.ofThread()
        for _ in 0..<1_000 {
            bench.context.wire[device].openedAt = OrganBench.noon
            bench.broker.announceArrival(device, in: &bench.context)
            bench.broker.announceDeparture(device, in: &bench.context)
        }
        let nanoseconds = (ProcessorTime.ofThread() - start) / 2_000
        let waiting = bench.waitingBytes(application)
        let mail = bench.outgoing(to: 1).count
        #expect(waiting == 0 && mail == 0)
        #expect(nanoseconds < 100_000, "\(nanoseconds) ns each")

        try bench.subscribe(application, to: "d/+/+/presence")
        bench.context.wire[device].openedAt = OrganBench.noon
        bench.broker.announceArrival(device, in: &bench.context)
        let arrived = bench.waitingBytes(application)
        bench.broker.announceDeparture(device, in: &bench.context)
        let left = bench.waitingBytes(application)
        bench.broker.announceDeparture(device, in: &bench.context)
        let again = bench.waitingBytes(application)
        #expect(arrived > 0 && left > arrived && again == left)
    }

    private func connectDevice(_ bench: inout OrganBench) throws -> UInt32 {
        let slot = try bench.accept()
        let product = try #require(ProductKey("lamp"))
        let key = try #require(DeviceKey("dk1"))
        let client = DeviceClient(DeviceIdentity(product: product, device: key))
        bench.context.wire[slot].settings.version = .v5
        bench.context.wire[slot].settings.client = .device(client)
        bench.context.wire[slot].settings.topicPrefix = client.topicPrefix
        bench.context.wire[slot].phase = .open
        return slot
    }

    @Test("a payload says what has happened, to which connection")
    func payload() {
        let (begun, over) = (Timestamp(seconds: 1_790_000_000), Timestamp(seconds: 1_790_000_060))
        let arrival = Presence(
            state: .connected, at: begun, connectedAt: begun, protocolName: "5.0")
        #expect(
            arrival.json
                == """
                {"state":"connected","at":"2026-09-21T14:13:20Z",\
                "connectedAt":"2026-09-21T14:13:20Z","protocolVersion":"5.0"}
                """)
        let departure = Presence(
            state: .disconnected(.keepAliveTimeout), at: over, connectedAt: begun,
            protocolName: "3.1.1")
        #expect(
            departure.json
                == """
                {"state":"disconnected","at":"2026-09-21T14:14:20Z","reason":"keep-alive-timeout",\
                "connectedAt":"2026-09-21T14:13:20Z","protocolVersion":"3.1.1"}
                """)
    }

    @Test("load is a moving average per minute, and comes near what lasts")
    func load() {
        let start = MonotonicInstant(nanoseconds: 0)
        var count: UInt64 = 5
        var load = SystemLoad(at: start) { _ in count }
        func average(_ name: String) -> Double? {
            load.topics.first { $0.name == name }.flatMap { Double($0.value) }
        }
        #expect(load.topics.count == 15 && load.topics.allSatisfy { $0.value == "0.00" })
        for step in 1...180 {
            // Ten a second, for half an hour.
            count += 100
            load.look(at: start.adding(milliseconds: Int64(step) * 10_000)) { _ in count }
            if step == 6 {
                let (short, long) = (
                    average("load/connections/1min") ?? 0, average("load/connections/15min") ?? 0
                )
                #expect((300...450).contains(short) && (20...60).contains(long))
            }
        }
        #expect((599...600).contains(average("load/messages/received/1min") ?? 0))
        #expect((500...600).contains(average("load/messages/received/15min") ?? 0))
        // The clock has not moved: nothing changes.
        let before = load.topics.map(\.value)
        load.look(at: start.adding(milliseconds: 1_800_000)) { _ in count + 1_000 }
        #expect(load.topics.map(\.value) == before)
        #expect(SystemLoad.text(12.345) == "12.35" && SystemLoad.text(0.056) == "0.06")
    }
}
