import LedgerModel
import Linux
import Processes
import Support
import Testing

@testable import Links

/// What a node has heard, and how often each side of it.
final class Ear: Sendable {
    private let heard = Monitor<[LinkEvent]>([])

    func note(_ event: LinkEvent) { heard.change { $0.append(event) } }

    var events: [LinkEvent] { heard.look { $0 } }

    /// Waits until it is so.
    func wait(for condition: ([LinkEvent]) -> Bool) -> Bool {
        let deadline = MonotonicInstant.now().adding(milliseconds: Int64(Patience.seconds * 1_000))
        return heard.wait(until: deadline) { condition($0) ? true : nil } ?? false
    }
}

@Suite("Links with their threads", .waits)
struct LinksTests {
    private static let names = ["one", "two", "three"].map { NodeName(checked: $0) }

    private static func links(
        _ index: Int, _ peers: InProcessPeers, _ ear: Ear,
        _ settings: Links.Settings = Links.Settings()
    ) throws -> Links {
        try Links(
            node: names[index], epoch: .random(in: 1...UInt64.max), over: peers.attach(),
            cluster: ClusterID(7), settings: settings
        ) { ear.note($0) }
    }

    @Test(
        "what was posted before the end arrives, and then the goodbye; a peer that does not answer is waited for a second"
    )
    func last() throws {
        let peers = InProcessPeers()
        let ears = Self.names.prefix(2).map { _ in Ear() }
        let links = try (0..<2).map { try Self.links($0, peers, ears[$0]) }
        for ear in ears { #expect(ear.wait { $0.count >= 1 }) }
        for number in 0..<200 {
            links[0].post([UInt8](repeating: UInt8(number), count: 10_000), to: Self.names[1])
        }
        links[0].close()
        #expect(ears[1].wait { $0.last == .down(Self.names[0]) })
        let batches = ears[1].events.compactMap { event -> UInt8? in
            if case .batch(_, let bytes) = event { bytes.first } else { nil }
        }
        #expect(batches == (0..<200).map { UInt8($0) })

        let again = try Self.links(0, peers, ears[0])
        #expect(ears[0].wait { $0.count >= 2 })
        peers.cut(from: Self.names[1], to: Self.names[0])
        again.post([1], to: Self.names[1])
        let start = MonotonicInstant.now()
        again.close()
        let milliseconds = MonotonicInstant.now().milliseconds(since: start)
        #expect(milliseconds >= 900 && milliseconds < 5_000)
        links[1].close()
    }

    @Test("three nodes: what several threads post to each comes once, in each thread's order")
    func threads() throws {
        let peers = InProcessPeers()
        let ears = Self.names.map { _ in Ear() }
        let links = try Self.names.indices.map { try Self.links($0, peers, ears[$0]) }
        for ear in ears { #expect(ear.wait { $0.count >= 2 }) }
        let count = 2_000
        let posters = try (0..<3).map { thread in
            try Thread(name: "poster") {
                for number in 0..<count {
                    for (index, link) in links.enumerated() {
                        let other = Self.names[(index + 1) % 3]
                        let bytes = [UInt8(thread), UInt8(number >> 8), UInt8(number & 0xFF)]
                        link.post(bytes, to: other)
                    }
                }
            }
        }
        for poster in posters { poster.join() }
        for (index, ear) in ears.enumerated() {
            #expect(ear.wait { $0.count >= 2 + 3 * count })
            let from = Self.names[(index + 2) % 3]
            var next = [0, 0, 0]
            for event in ear.events {
                guard case .batch(let peer, let bytes) = event else { continue }
                #expect(peer == from && Int(bytes[1]) << 8 | Int(bytes[2]) == next[Int(bytes[0])])
                next[Int(bytes[0])] += 1
            }
            #expect(next == [count, count, count])
        }
        for link in links { link.close() }
    }

    @Test(
        "close tells the peers at once, sends what was posted before, and nothing comes afterwards")
    func close() throws {
        let peers = InProcessPeers()
        let ears = [Ear(), Ear()]
        let one = try Self.links(0, peers, ears[0])
        let two = try Self.links(1, peers, ears[1])
        #expect(ears.allSatisfy { $0.wait { $0.count == 1 } })
        one.post([1], to: Self.names[1])
        one.close()
        one.close()
        let name = Self.names[0]
        #expect(ears[1].wait { $0 == [.up(name), .batch(name, [1]), .down(name)] })
        #expect(two.peers.map(\.isUp) == [false])
        // There is no link, and so nothing happens.
        two.post([2], to: name)
        one.post([2], to: Self.names[1])
        two.close()
        #expect(ears[0].events == [.up(Self.names[1])])
    }

    @Test("the handler may post, and what it posts on up comes first")
    func handlerPosts() throws {
        let peers = InProcessPeers()
        let ear = Ear()
        let held = Monitor<Links?>(nil)
        let one = try Links(
            node: Self.names[0], epoch: 1, over: peers.attach(), cluster: ClusterID(7)
        ) { event in
            guard case .up(let peer) = event else { return }
            let links = held.wait { $0 }
            links?.post([1], to: peer)
        }
        held.change { $0 = one }
        let two = try Self.links(1, peers, ear)
        #expect(ear.wait { $0 == [.up(Self.names[0]), .batch(Self.names[0], [1])] })
        held.change { $0 = nil }
        two.close()
        one.close()
    }

    @Test(
        "what a peer does not take ends the link, not the memory; it is linked to again when it is back"
    )
    func slowPeer() throws {
        let peers = InProcessPeers()
        let ears = [Ear(), Ear()]
        var settings = Links.Settings()
        settings.bufferedBytesMaximum = 1 << 20
        let one = try Self.links(0, peers, ears[0], settings)
        let two = try Self.links(1, peers, ears[1], settings)
        #expect(ears.allSatisfy { $0.wait { $0.count == 1 } })
        peers.cut(from: Self.names[0], to: Self.names[1])
        let batch = [UInt8](repeating: 1, count: 10_000)
        for _ in 0..<300 { one.post(batch, to: Self.names[1]) }
        #expect(ears[0].wait { $0.count == 2 })
        #expect(one.peers[0].waitingBytes == 0)
        peers.mend()
        #expect(ears[0].wait { $0.last == .up(Self.names[1]) && $0.count == 3 })
        #expect(ears[1].wait { $0.suffix(2) == [.down(Self.names[0]), .up(Self.names[0])] })
        one.close()
        two.close()
    }

    @Test("the thread ends with the last reference")
    func lastReference() throws {
        let peers = InProcessPeers()
        let ears = [Ear(), Ear()]
        let two = try Self.links(1, peers, ears[1])
        do {
            let one = try Self.links(0, peers, ears[0])
            #expect(ears[1].wait { $0.count == 1 })
            _ = one.peers
        }
        #expect(ears[1].wait { $0.last == .down(Self.names[0]) })
        two.close()
    }
}
