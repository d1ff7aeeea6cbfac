import Bytes
import Reactor
import Testing

@testable import Gateway

/// Buffers and ends of connections, without a byte on a socket.
@Suite struct WireTests {
    @Test(
        "one spare output is lent to the connection that is served, and taken back when it is empty"
    )
    func outputIsLent() throws {
        var bench = try OrganBench()
        let first = try bench.accept()
        let second = try bench.accept()
        bench.context.wire.lendOutput(first)
        bench.context.wire.lendOutput(second)
        let lent = [first, second].map { bench.context.wire[$0].output.capacity }
        #expect(lent[0] >= 4_096 && lent[1] == 0)
        bench.context.wire.takeBackOutput(first)
        bench.context.wire.lendOutput(second)
        let moved = [first, second].map { bench.context.wire[$0].output.capacity }
        #expect(moved[0] == 0 && moved[1] == lent[0])
    }

    @Test("an output that is not empty stays with its connection")
    func outputStays() throws {
        var bench = try OrganBench()
        let slot = try bench.accept()
        bench.context.wire.lendOutput(slot)
        bench.context.wire[slot].output.append(Array("abc".utf8).span)
        bench.context.wire.takeBackOutput(slot)
        let count = bench.context.wire[slot].output.count
        #expect(count == 3)
    }

    @Test("the start of a packet moves in front of what arrives; a long one stays")
    func carry() throws {
        var bench = try OrganBench()
        let slot = try bench.accept()
        var arrived = ByteBuffer()
        bench.context.wire[slot].input.append([1, 2, 3].span)
        let carried = bench.context.wire.carry(slot, into: &arrived)
        let isEmpty = bench.context.wire[slot].input.isEmpty
        #expect(carried == 3 && isEmpty && arrived.span.bytesArray == [1, 2, 3])
        let long = [UInt8](repeating: 0, count: 5_000)
        bench.context.wire[slot].input.append(long.span)
        let none = bench.context.wire.carry(slot, into: &arrived)
        let kept = bench.context.wire[slot].input.count
        #expect(none == 0 && kept == 5_000)
    }

    @Test("the first reason to end a connection counts, and they close in the order of their ends")
    func ends() throws {
        var bench = try OrganBench()
        let first = try bench.accept()
        let second = try bench.accept()
        bench.context.wire.end(second, .kicked)
        bench.context.wire.end(first, .connectionLost)
        bench.context.wire.end(second, .connectionLost)
        let reason = bench.context.wire[second].ending
        #expect(reason == .kicked)
        let order = [
            bench.context.wire.nextToClose()?.slot, bench.context.wire.nextToClose()?.slot,
            bench.context.wire.nextToClose()?.slot,
        ]
        #expect(order == [second, first, nil])
    }
}
