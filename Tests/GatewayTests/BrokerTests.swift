import Ledger
import Reactor
import Testing

@testable import Gateway

/// What a PUBLISH comes to on one shard, and what its acknowledgement waits for.
@Suite struct BrokerTests {
    private let topic = "d/pk/d1/up/x"

    private func acknowledgement(_ slot: UInt32) -> PublishAnswer {
        .acknowledgement(Token(slot: slot, generation: 1), packetID: 7)
    }

    private func commit(_ slot: UInt32) -> PublishAnswer {
        .commit(Token(slot: slot, generation: 1), packetID: 7)
    }

    @Test("[MQTT-3.4.2-1] a message without subscribers waits for nothing, and the answer says so")
    func noSubscribers() throws {
        var bench = try OrganBench()
        let publisher = try bench.connect("p")
        let publication = bench.publish(topic, from: publisher, for: acknowledgement(publisher))
        #expect(publication.verdict == .noSubscribers)
        #expect(publication.confirmations == 0 && publication.commit.isEmpty)
    }

    @Test("a session that another node has is dropped with the connection that it serves here")
    func dropped() throws {
        var bench = try OrganBench()
        let slot = try bench.connect("s", expirySeconds: 60)
        let name = Broker.storeName(of: bench.context.wire[slot].settings.client)
        bench.broker.dropSession(try #require(name), in: &bench.context)
        let (phase, ending) = (bench.context.wire[slot].phase, bench.context.wire[slot].ending)
        #expect(phase == .closing && ending == .sessionTakenOver)
        #expect(bench.context.wire[slot].session == nil)
    }

    @Test(
        "a message to a connected session that is not stored is encoded at once, and waits for nothing"
    )
    func connected() throws {
        var bench = try OrganBench()
        let publisher = try bench.connect("p")
        let subscriber = try bench.connect("s")
        try bench.subscribe(subscriber, to: "d/pk/+/up/#")
        let publication = bench.publish(topic, from: publisher, for: acknowledgement(publisher))
        #expect(publication.verdict == .taken)
        #expect(publication.confirmations == 0 && publication.commit.isEmpty)
        let waiting = bench.waitingBytes(subscriber)
        #expect(waiting > topic.utf8.count)
    }

    @Test(
        "[MQTT-4.3.2-4] a message to stored sessions waits for each one's write, here and elsewhere"
    )
    func stored() throws {
        var bench = try OrganBench()
        let publisher = try bench.connect("p")
        let subscriber = try bench.connect("s", expirySeconds: 60)
        try bench.subscribe(subscriber, to: "d/pk/+/up/#")
        bench.subscribe(
            shard: 1, Token(slot: 4, generation: 1), to: "d/pk/d1/up/x", isStored: true)
        let publication = bench.publish(topic, from: publisher, for: acknowledgement(publisher))
        #expect(publication.verdict == .taken)
        #expect(publication.confirmations == 2 && publication.commit.isEmpty)
        let waiting = bench.waitingBytes(subscriber)
        #expect(waiting == 0)
        let outgoing = bench.outgoing(to: 1)
        guard case .deliver(_, let deliveries, .confirmation(0, _, 7))? = outgoing.first else {
            Issue.record("the other shard is to deliver, and to confirm")
            return
        }
        #expect(deliveries.map(\.isStored) == [true])
    }

    @Test(
        "[MQTT-4.3.3-10] at QoS 2 in a stored session the writes here are the publisher's to commit"
    )
    func gathered() throws {
        var bench = try OrganBench()
        let publisher = try bench.connect("p", expirySeconds: 60)
        let subscriber = try bench.connect("s", expirySeconds: 60)
        try bench.subscribe(subscriber, to: "d/pk/+/up/#")
        bench.subscribe(
            shard: 1, Token(slot: 4, generation: 1), to: "d/pk/d1/up/x", isStored: true)
        let publication = bench.publish(topic, from: publisher, for: commit(publisher))
        #expect(publication.verdict == .taken)
        #expect(publication.confirmations == 0)
        #expect(publication.commit.writes.count == 1 && publication.commit.answers == 1)
    }

    @Test(
        "a message to a device is answered at once at its home, and later when that is another shard"
    )
    func downlink() throws {
        var bench = try OrganBench()
        let publisher = try bench.connect("p")
        let homes = Homes(shards: 2)
        var verdicts: [Int: PublishVerdict] = [:]
        for number in 0..<8 {
            let device = DeviceIdentity(
                product: ProductKey("pk")!, device: DeviceKey("d\(number)")!)
            let publication = bench.publish(
                "d/pk/d\(number)/down/x", from: publisher, for: acknowledgement(publisher))
            verdicts[homes.shard(of: device)] = publication.verdict
        }
        #expect(verdicts[0] == .downlink(.notConnected))
        #expect(verdicts[1] == .undecided(hasSubscribers: false))
    }
}
