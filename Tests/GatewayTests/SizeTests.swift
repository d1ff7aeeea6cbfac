import Bytes
import MQTT
import Reactor
import Sessions
import Testing
import Time

@testable import Gateway

/// Most of what a gateway has is idle: what every connection and every session takes.
@Suite struct SizeTests {
    @Test("A connection's slot, with what its CONNECT agreed on")
    func connection() {
        #expect(MemoryLayout<NegotiatedSettings>.size <= 80)
        #expect(MemoryLayout<Connection>.stride <= 224)
    }

    @Test("A session's slot")
    func session() { #expect(MemoryLayout<Session>.stride <= 56) }

    @Test("A client's name is one word in both")
    func client() { #expect(MemoryLayout<Client>.size == 8) }

    @Test("A connection that only comes, asks and goes makes nothing outside its slot")
    func plainConnection() throws {
        var bench = try OrganBench()
        let slot = try bench.connect("a")
        bench.context.wire[slot].freeEmptyInput()
        bench.context.wire[slot].will = nil
        bench.context.wire[slot].successor = nil
        bench.broker.publishWill(slot, in: &bench.context)
        let isWithout =
            bench.context.wire[slot].input.isEmpty
            && bench.context.wire[slot].ciphertext.isEmpty
            && bench.context.wire[slot].waitingBytes == 0
        let isMade = bench.context.wire[slot].rare.isMade
        #expect(isWithout && !isMade)
    }

    @Test("A session that ends with its connection makes nothing outside its slot at QoS 0")
    func plainSession() throws {
        var bench = try OrganBench()
        let publisher = try bench.connect("p")
        let subscriber = try bench.connect("s")
        try bench.subscribe(subscriber, to: "t")
        _ = bench.publish("t", from: publisher, qos: .atMostOnce, for: .nothing)
        let delivered = bench.waitingBytes(subscriber)
        #expect(delivered > 0)
        for slot in [publisher, subscriber] {
            let held = bench.context.wire[slot].session
            let session = try #require(held).slot
            let isBare =
                !bench.broker.sessions[slot: session].queue.keepsSent
                && bench.broker.sessions[slot: session].received.isEmpty
                && bench.broker.sessions[slot: session].stored == nil
                && bench.broker.sessions[slot: session].dueAt == Timestamp(milliseconds: .max)
            let isMade = bench.broker.sessions[slot: session].kept.isMade
            #expect(isBare && !isMade)
            bench.broker.leaveSession(slot, in: &bench.context)
        }
        #expect(bench.broker.sessionCount == 0)
    }
}
