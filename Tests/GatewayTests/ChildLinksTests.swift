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

    @Test(
        "a parent whose session may have room has its own links go on, the one first that waits longest"
    )
    func held() throws {
        let parents = (1...3).map { Token(slot: $0, generation: 1) }
        var links = ChildLinks(limit: 100)
        var tokens: [[Token]] = []
        for parent in parents {
            var own: [Token] = []
            for number in 0..<4 {
                let ends = try SocketHandle.pair(bufferBytes: 4_096)
                _ = Descriptor(adopting: ends.1)
                let link = ChildLink(
                    descriptor: Descriptor(adopting: ends.0), parent: parent,
                    prefix: Array("d/lamp/\(parent.slot)-\(number)/".utf8), request: "",
                    connect: [0].span)
                let token = links.insert(link)
                own.append(try #require(token))
            }
            tokens.append(own)
        }
        links.noteRoom(of: parents[0])
        var roomy = links.takeRoomy()
        #expect(roomy == [])
        for number in 0..<4 {
            for own in tokens[0...1] { links.hold(own[number], for: 10 + number) }
        }
        // Once more changes nothing but what it waits for.
        links.hold(tokens[1][0], for: 7)
        for place in [1, 1, 2] { links.noteRoom(of: parents[place]) }
        roomy = links.takeRoomy()
        #expect(roomy == [parents[1]])
        roomy = links.takeRoomy()
        #expect(roomy == [])
        var first = links.firstHeld(of: parents[1])
        #expect(first?.link == tokens[1][0] && first?.bytes == 7)
        links.letGoOn(tokens[1][0])
        links.letGoOn(tokens[1][2])
        links.hold(tokens[1][0], for: 1)
        links.remove(tokens[1][1])
        var order: [Token] = []
        while let (link, _) = links.firstHeld(of: parents[1]) {
            order.append(link)
            links.letGoOn(link)
            let isHeld = links[link.slot].isHeld
            #expect(!isHeld)
        }
        #expect(order == [tokens[1][3], tokens[1][0]])
        first = links.firstHeld(of: parents[0])
        #expect(first?.link == tokens[0][0])
        links.forgetHeld(of: parents[0])
        first = links.firstHeld(of: parents[0])
        #expect(first?.link == nil)
        for token in tokens[0] {
            let isHeld = links[token.slot].isHeld
            #expect(!isHeld)
        }
        links.noteRoom(of: parents[0])
        roomy = links.takeRoomy()
        #expect(roomy == [])
    }

    @Test("a child costs two descriptors; without children limits.connections alone says how many")
    func descriptors() throws {
        for (others, limit, one, two) in [
            ((5, 3), 11, false, false), ((5, 3), 10, false, true), ((5, 3), 9, true, true),
            ((8, 0), 9, false, true), ((8, 0), 11, false, false),
        ] as [((Int, Int), Int, Bool, Bool)] {
            var bench = try OrganBench(descriptors: limit)
            var share = SocketCount.Share()
            bench.context.commons.sockets.note(
                &share, connections: others.0, links: others.1)
            _ = try bench.accept()
            let lacks = (
                bench.context.lacksDescriptors(forChild: false),
                bench.context.lacksDescriptors(forChild: true)
            )
            #expect(lacks == (one, two), "\(others) of \(limit)")
        }
    }

    @Test(
        "what one shard takes up another one counts at once, and what is on its way between them")
    func counted() throws {
        let count = SocketCount()
        var shares = [SocketCount.Share(), SocketCount.Share()]
        func mayTake(_ shard: Int, _ connections: Int, _ links: Int) -> Bool {
            count.take(&shares[shard], connections: connections, links: links, limit: 5)
        }
        func note(_ shard: Int, _ connections: Int, _ links: Int) {
            count.note(&shares[shard], connections: connections, links: links)
        }
        // Two places each; the fifth is the last one, and is not given twice.
        #expect(mayTake(0, 1, 1))
        #expect(mayTake(1, 1, 1))
        #expect(!mayTake(0, 2, 2))
        #expect(mayTake(0, 2, 1))
        #expect(!mayTake(1, 2, 1))
        // It moves: counted while neither has it, and for a moment twice.
        count.depart()
        note(0, 1, 1)
        #expect(!mayTake(0, 2, 1))
        note(1, 2, 1)
        count.arrive()
        #expect(!mayTake(0, 2, 1))
        note(1, 1, 1)
        #expect(mayTake(0, 2, 1))
        // Without children there is no limit but that of connections.
        note(0, 9, 0)
        note(1, 1, 0)
        #expect(mayTake(1, 2, 0))
        #expect(!mayTake(1, 3, 1))
        note(0, 1, 0)
        let sum = count.note(&shares[1], connections: 1, links: 0)
        #expect(sum == 2)
    }

    @Test("shards that take up sockets at the same time never have more than the limit")
    func together() async {
        let count = SocketCount()
        let limit = 100
        await withTaskGroup(of: Int.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    var share = SocketCount.Share()
                    var links = 0
                    while links < 1_000,
                        count.take(&share, connections: 0, links: links + 1, limit: limit)
                    {
                        links += 1
                    }
                    return links
                }
            }
            var sum = 0
            for await links in group { sum += links }
            #expect(sum <= limit && sum > limit - 4, "\(sum)")
        }
    }
}
