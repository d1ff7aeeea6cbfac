import FaultyPeers
import LedgerModel
import Linux
import Randomness
import Testing

@testable import Links

@Suite("A link between two nodes")
struct LinkTests {
    private static func batch(_ length: Int) -> [UInt8] { Ramp.bytes(length) }

    private static let silence = Int(Links.Settings().silenceMilliseconds)

    @Test("nodes that say to all that they are there are linked, and both see up")
    func up() {
        let pair = SimulatedPair()
        pair.go(milliseconds: 10)
        #expect(pair.one.take() == [.up(pair.two.name)])
        #expect(pair.two.take() == [.up(pair.one.name)])
    }

    @Test("a peer that missed the answer that would have brought it up asks again soon")
    func answerLost() {
        let pair = SimulatedPair()
        pair.go(milliseconds: 2)
        pair.peers.cut(from: pair.one.name, to: pair.two.name)
        pair.go(milliseconds: 3)
        pair.peers.mend()
        #expect(pair.one.take() == [.up(pair.two.name)] && pair.two.take() == [])
        pair.go(milliseconds: 200)
        #expect(pair.two.take() == [.up(pair.one.name)])
    }

    @Test(
        "a batch is sent in the turn in which it is posted, those that wait together in one datagram"
    )
    func together() {
        let pair = SimulatedPair.linked()
        pair.one.forgetSent()
        for number in 0..<100 { pair.one.post(Self.batch(number), to: pair.two.name) }
        pair.one.turn(at: pair.now)
        #expect(pair.one.sent.count == 1)
        pair.go(milliseconds: 5)
        #expect(pair.two.take() == (0..<100).map { .batch(pair.one.name, Self.batch($0)) })
        #expect(pair.one.table.standings[0].waitingBytes == 0)
    }

    @Test("an acknowledgement waits for something to travel with, but not long")
    func acknowledgement() {
        var settings = Links.Settings()
        settings.acknowledgeMilliseconds = 4
        let pair = SimulatedPair.linked(settings)
        pair.two.forgetSent()
        pair.one.post([1], to: pair.two.name)
        pair.go(milliseconds: 2)
        pair.two.post([2], to: pair.one.name)
        pair.go(milliseconds: 12)
        // With the batch, and no other.
        #expect(pair.two.sent.count == 1)
        pair.one.post([3], to: pair.two.name)
        pair.go(milliseconds: 12)
        #expect(pair.two.sent.count == 2)
        #expect(pair.one.table.standings[0].waitingBytes == 0)
        #expect(pair.one.table.standings[0].resent == 0)
    }

    @Test(
        "a batch that is larger than a datagram is cut, and joined; what is before and behind it keeps its order",
        arguments: [0, 1, 65_535, 65_536, 65_537, 300_000, Links.batchMaximumBytes])
    func cut(_ length: Int) {
        let pair = SimulatedPair.linked()
        let batches = [[1], Self.batch(length), [], [2, 3]]
        for batch in batches { pair.one.post(batch, to: pair.two.name) }
        pair.go(milliseconds: 60)
        #expect(pair.two.take() == batches.map { .batch(pair.one.name, $0) })
        let most = pair.one.sent.map(\.bytes.count).max() ?? 0
        #expect(most <= PeerDatagram.maximumBytes)
    }

    @Test("a batch that is larger than any may be ends the link, and takes no memory")
    func tooLarge() {
        let pair = SimulatedPair.linked()
        pair.one.post(Self.batch(Links.batchMaximumBytes + 1), to: pair.two.name)
        pair.go(milliseconds: 60)
        #expect(pair.two.take() == [.down(pair.one.name), .up(pair.one.name)])
    }

    @Test(
        "not more is under way than the window, however much is posted and however slow the peer is"
    )
    func window() {
        let pair = SimulatedPair.linked()
        pair.one.forgetSent()
        for _ in 0..<100 { pair.one.post(Self.batch(100_000), to: pair.two.name) }
        for _ in 0..<30 { pair.one.turn(at: pair.now) }
        let bytes = pair.one.sent.reduce(0) { $0 + $1.bytes.count }
        #expect(bytes > 1_000_000 && bytes < 1_200_000)
        pair.go(milliseconds: 200)
        #expect(pair.two.take().count == 100)
        #expect(pair.one.table.standings[0].resent == 0)
    }

    @Test("what is lost is sent again soon, and only that: the peer says that it is missing")
    func loss() {
        let pair = SimulatedPair.linked()
        let (one, two) = (pair.one.name, pair.two.name)
        pair.peers.cut(from: one, to: two)
        pair.one.post([1], to: two)
        pair.go(milliseconds: 1)
        pair.peers.mend()
        for number in UInt8(2)...9 {
            pair.one.post([number], to: two)
            pair.go(milliseconds: 1)
        }
        pair.go(milliseconds: 5)
        #expect(pair.two.take() == (1...9).map { .batch(one, [$0]) })
        #expect(pair.one.table.standings[0].resent == 1)
        pair.peers.cut(from: one, to: two)
        pair.one.post([10], to: two)
        pair.go(milliseconds: 20)
        pair.peers.mend()
        pair.go(milliseconds: 60)
        #expect(pair.two.take() == [.batch(one, [10])])
    }

    @Test("more than may wait ends the link, on both sides, and another one begins")
    func bufferLimit() {
        var settings = Links.Settings()
        settings.bufferedBytesMaximum = 2 << 20
        let pair = SimulatedPair.linked(settings)
        for _ in 0..<40 { pair.one.post(Self.batch(100_000), to: pair.two.name) }
        pair.go(milliseconds: 50)
        #expect(pair.one.take() == [.down(pair.two.name), .up(pair.two.name)])
        #expect(pair.two.take() == [.down(pair.one.name), .up(pair.one.name)])
        #expect(pair.one.table.standings[0].waitingBytes == 0)
        pair.one.post([5], to: pair.two.name)
        pair.go(milliseconds: 5)
        #expect(pair.two.take() == [.batch(pair.one.name, [5])])
    }

    @Test("who says goodbye is down at once, and linked to again when it is back")
    func goodbye() {
        let pair = SimulatedPair.linked()
        pair.two.sayGoodbye(at: pair.now)
        pair.two.leave()
        pair.peers.step()
        pair.one.turn(at: pair.now)
        #expect(pair.one.take() == [.down(pair.two.name)])
        pair.restartTwo(epoch: 3)
        pair.go(milliseconds: 50)
        #expect(pair.one.take() == [.up(pair.two.name)])
        #expect(pair.two.take() == [.up(pair.one.name)])
    }

    @Test(
        "a process that was started anew under the name ends the old one's link, and begins another"
    )
    func restart() {
        let pair = SimulatedPair.linked()
        pair.one.post([1], to: pair.two.name)
        pair.one.turn(at: pair.now)
        pair.restartTwo(epoch: 3)
        pair.go(milliseconds: 50)
        #expect(pair.one.take() == [.down(pair.two.name), .up(pair.two.name)])
        #expect(pair.two.take() == [.up(pair.one.name)])
        #expect(pair.one.table.standings[0].epoch == 3)
    }

    @Test(
        "a peer that is not heard for the time of silence is down, also when it hears us",
        arguments: [true, false])
    func silence(_ isOneWay: Bool) {
        let pair = SimulatedPair.linked()
        pair.peers.cut(from: pair.two.name, to: pair.one.name)
        if !isOneWay { pair.peers.cut(from: pair.one.name, to: pair.two.name) }
        pair.go(milliseconds: Self.silence - 1_500)
        #expect(pair.one.take() == [] && pair.two.take() == [])
        pair.go(milliseconds: 2_000)
        #expect(pair.one.take() == [.down(pair.two.name)])
        #expect(pair.two.take() == [.down(pair.one.name)])
        pair.one.post([1], to: pair.two.name)
        pair.peers.mend()
        pair.go(milliseconds: 2_000)
        #expect(pair.one.take() == [.up(pair.two.name)])
        #expect(pair.two.take() == [.up(pair.one.name)])
    }

    @Test(
        "a peer that says that it is there and acknowledges nothing is down after the time of silence"
    )
    func stalled() {
        let pair = SimulatedPair.linked()
        // As in a network that takes no large datagrams.
        pair.peers.faults.largestBytes = 1_000
        pair.one.post(Self.batch(1_000), to: pair.two.name)
        pair.go(milliseconds: Self.silence - 100)
        #expect(pair.one.take() == [] && pair.one.table.standings[0].resent > 5)
        pair.go(milliseconds: 200)
        #expect(pair.one.take() == [.down(pair.two.name), .up(pair.two.name)])
        #expect(pair.two.take() == [.down(pair.one.name), .up(pair.one.name)])
    }

    @Test("a frame of another link of the peer's is not taken into this one, and ends it")
    func otherLink() throws {
        let pair = SimulatedPair.linked()
        let own = try PeerDatagram(try #require(pair.one.sent.last).bytes).link
        var other = PeerDatagram(cluster: ClusterID(7), sender: pair.two.name, epoch: 2)
        other.link = 999
        other.peerLink = own
        other.number = 1
        var frame: [UInt8] = []
        Fragment.append([1][...], goesOn: false, to: &frame)
        pair.one.hear(other.bytes(frame: frame))
        pair.go(milliseconds: 50)
        #expect(pair.one.take() == [.down(pair.two.name), .up(pair.two.name)])
        #expect(pair.two.take() == [.down(pair.one.name), .up(pair.one.name)])
    }

    @Test("what is old, doubled or made up neither comes into a link nor ends it")
    func old() {
        let pair = SimulatedPair.linked()
        pair.one.post([1], to: pair.two.name)
        pair.go(milliseconds: 5)
        let first = pair.one.sent
        pair.restartTwo(epoch: 3)
        pair.go(milliseconds: 50)
        _ = (pair.one.take(), pair.two.take())
        for datagram in first + pair.one.sent { pair.two.hear(datagram.bytes) }
        pair.go(milliseconds: 50)
        #expect(pair.one.take() == [] && pair.two.take() == [])
    }
}

@Suite("Datagrams between nodes")
struct DatagramTests {
    private static func sample(_ change: (inout PeerDatagram) -> Void = { _ in }) -> PeerDatagram {
        var datagram = PeerDatagram(
            cluster: ClusterID(0x0102_0304_0506_0708_090A_0B0C_0D0E_0F10),
            sender: NodeName(checked: "n.1"), epoch: 0x1112_1314_1516_1718)
        change(&datagram)
        return datagram
    }

    private static func full() -> [UInt8] {
        var frame: [UInt8] = []
        Fragment.append([0xA1, 0xA2][...], goesOn: false, to: &frame)
        Fragment.append([0xA3][...], goesOn: true, to: &frame)
        return sample {
            $0.isMissing = true
            $0.link = 0x21
            $0.peerLink = 0x22
            $0.expected = 0x23
            $0.number = 0x24
        }.bytes(frame: frame)
    }

    @Test("the bytes of a datagram are these, so that the next release understands them")
    func golden() throws {
        let bytes: [UInt8] =
            [1, 2] + Array(1...16) + Array(0x11...0x18) + [3] + Array("n.1".utf8)
            + [0, 0, 0, 0, 0, 0, 0, 0x21, 0, 0, 0, 0, 0, 0, 0, 0x22]
            + [0, 0, 0, 0, 0, 0, 0, 0x23, 0, 0, 0, 0, 0, 0, 0, 0x24]
            + [5, 4, 0xA1, 0xA2, 3, 0xA3]
        #expect(Self.full() == bytes)
        let datagram = try PeerDatagram(bytes)
        #expect(
            datagram.fragments == [
                Fragment(bytes: [0xA1, 0xA2], goesOn: false), Fragment(bytes: [0xA3], goesOn: true),
            ])
        #expect(datagram.isMissing && !datagram.isGoodbye && datagram.number == 0x24)
    }

    @Test("what a later program appends, and flags that it sets, are ignored")
    func later() throws {
        var bytes = Self.full()
        let expected = try PeerDatagram(bytes)
        bytes[1] |= 0xF0
        #expect(try PeerDatagram(bytes + [1, 2, 3]) == expected)
    }

    @Test("what is cut off, of another version, or anything else is not read")
    func unreadable() {
        let bytes = Self.full()
        for count in 0..<bytes.count {
            #expect(throws: Unreadable.malformed) { try PeerDatagram(Array(bytes.prefix(count))) }
        }
        #expect(throws: Unreadable.version(2)) { try PeerDatagram([2] + bytes.dropFirst()) }
        var dice = SplitMix64(seed: 5)
        for _ in 0..<20_000 {
            var damaged = bytes
            for _ in 0..<Int.random(in: 1...4, using: &dice) {
                let index = Int.random(in: damaged.indices, using: &dice)
                damaged[index] = UInt8.random(in: 0...255, using: &dice)
            }
            _ = try? PeerDatagram(damaged)
        }
    }

    @Test(
        "a datagram that can't be read, or is of another cluster or process, is counted and passed over"
    )
    func passedOver() {
        let pair = SimulatedPair.linked()
        pair.one.hear([])
        pair.one.hear([9, 9])
        pair.one.hear(Array(Self.full().prefix(30)))
        pair.one.hear(Self.full())
        let namesake = PeerDatagram(cluster: ClusterID(7), sender: pair.one.name, epoch: 77)
        pair.one.hear(namesake.bytes(frame: []))
        pair.go(milliseconds: 3)
        let counts = pair.one.table.passedOver
        #expect(counts.malformed == 2 && counts.ofAnotherVersion == 1)
        #expect(counts.foreign == 1 && counts.namesakes == 1)
        #expect(pair.one.take() == [] && pair.one.table.standings.count == 1)
    }

    @Test("nodes of two clusters are not linked")
    func foreign() {
        for cluster in [ClusterID(8), nil] {
            let pair = SimulatedPair(cluster: cluster)
            pair.go(milliseconds: 1_500)
            #expect(pair.one.take() == [] && pair.two.take() == [])
            #expect(pair.one.table.passedOver.foreign > 0)
        }
    }

    @Test(
        "names that are made up take no more than so many places, and none from a peer that is up")
    func places() {
        let pair = SimulatedPair.linked()
        for number in 0..<1_000 {
            let name = NodeName(checked: "ghost-\(number)")
            let datagram = PeerDatagram(cluster: ClusterID(7), sender: name, epoch: 1)
            pair.one.hear(datagram.bytes(frame: []))
        }
        pair.go(milliseconds: 5)
        #expect(pair.one.table.standings.count == Links.peersMaximum)
        #expect(pair.one.isUp(pair.two.name) && pair.one.table.passedOver.crowded > 0)
    }
}
