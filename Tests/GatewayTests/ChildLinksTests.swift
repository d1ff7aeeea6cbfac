import Linux
import Reactor
import Testing

@testable import Gateway

@Suite struct ChildLinksTests {
    @Test("messages for children are found by their place in the parent's line, in whatever order")
    func deliveries() {
        var deliveries = ChildDeliveries()
        let sequences: [UInt64] = [3, 4, 7, 8, 20, 21]
        for sequence in sequences {
            deliveries.append(
                ChildDeliveries.Entry(
                    sequence: sequence, link: Token(rawValue: sequence),
                    packetID: UInt16(sequence) + 100))
        }
        for sequence in [5, 2, 22] as [UInt64] { #expect(deliveries.take(sequence) == nil) }
        for sequence in [3, 20, 7, 21, 8, 4] as [UInt64] {
            let entry = deliveries.take(sequence)
            #expect(entry?.packetID == UInt16(sequence) + 100)
            #expect(deliveries.take(sequence) == nil)
        }
        #expect(deliveries.count == 0)
    }

    @Test("a child costs two descriptors; without children limits.connections alone says how many")
    func descriptors() throws {
        for (others, limit, one, two) in [
            ((5, 3), 11, false, false), ((5, 3), 10, false, true), ((5, 3), 9, true, true),
            ((8, 0), 9, false, true), ((8, 0), 11, false, false),
        ] as [((Int, Int), Int, Bool, Bool)] {
            var bench = try OrganBench(descriptors: limit)
            bench.context.commons.heartbeats.beat(
                shard: 1, at: MonotonicInstant(nanoseconds: 0), connections: others.0,
                children: others.1)
            // What this shard has said of itself is older than what it has.
            bench.context.commons.heartbeats.beat(
                shard: 0, at: MonotonicInstant(nanoseconds: 0), connections: 100, children: 100)
            _ = try bench.accept()
            let lacks = (
                bench.context.lacksDescriptors(for: 1), bench.context.lacksDescriptors(for: 2)
            )
            #expect(lacks == (one, two), "\(others) of \(limit)")
        }
    }
}
