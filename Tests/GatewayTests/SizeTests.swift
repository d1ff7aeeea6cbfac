import Bytes
import Foundation
import MQTT
import Sessions
import Testing
import Time

@testable import Gateway
@testable import Reactor
@testable import TLS

/// Most of what a gateway has is idle: what every connection and every session takes.
@Suite struct SizeTests {
    /// What Architecture.md has a table of.
    private static let sizes: [String: Int] = [
        "Connection": MemoryLayout<Connection>.stride,
        "NegotiatedSettings": MemoryLayout<NegotiatedSettings>.stride,
        "TLSConnection": MemoryLayout<TLSConnection>.stride,
        "Established": MemoryLayout<Established>.stride,
        "RecordState": MemoryLayout<RecordState>.stride,
        "Session": MemoryLayout<Session>.stride,
        "TimerNode": MemoryLayout<TimerNode>.stride,
    ]

    @Test("What a connection and a session take is what the page says")
    func page() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let page = root.appending(path: "Sources/Gateway/Gateway.docc/Architecture.md")
        let text = try String(contentsOf: page, encoding: .utf8)
        for (name, size) in Self.sizes {
            #expect(text.contains("| `\(name)` | \(size) |"), "\(name) takes \(size) bytes")
        }
    }

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
