import FaultyPeers
import LedgerModel
import Linux
import Processes
import Randomness
import Testing

@testable import Links

@Suite("Links in a simulation", .computes)
struct SimulationTests {
    @Test(
        "whatever a network and restarts do: each link delivers a prefix of what was posted on it, once, in order",
        arguments: 0..<24)
    func guarantee(_ seed: Int) {
        var run = SimulatedRun(seed: UInt64(seed))
        for _ in 0..<4_000 { run.step() }
        run.heal()
        for _ in 0..<2_000 { run.step() }
        run.expectAllUp()
        run.postToAll()
        for _ in 0..<300 { run.step() }
        run.expectAllDelivered()
        #expect(run.endedLinks > 5 && run.delivered > 200, "seed \(seed): not much happened")
        #expect(run.faults.isEmpty, "seed \(seed): \(run.faults.prefix(3))")
    }
}

/// Three nodes that post at random, in a network that does its worst, and the books of what may come.
struct SimulatedRun {
    private struct Route: Hashable { let from: NodeName, to: NodeName }

    /// A link as its sender sees it: from `up` to `down`.
    private struct Sent {
        let id: UInt64
        var count: UInt64 = 0
    }

    /// A link as its receiver sees it.
    private struct Received {
        var id: UInt64?
        var count: UInt64 = 0
    }

    private static let names = ["a", "b.c", "d"].map { NodeName(checked: $0) }

    private let peers: FaultyPeers
    private var dice: SplitMix64
    private var now = MonotonicInstant(nanoseconds: 1_000_000_000)
    private var nodes: [SimulatedNode] = []
    private var pausedUntil: [MonotonicInstant]
    private var sent: [Route: Sent] = [:]
    private var received: [Route: Received] = [:]

    /// Links that were received from until `down`, or the receiver's end.
    private var over: Set<UInt64> = []
    private var lastID: UInt64 = 0
    private var isHealed = false
    private(set) var endedLinks = 0
    private(set) var delivered = 0

    /// What should not have been.
    private(set) var faults: [String] = []

    init(seed: UInt64) {
        dice = SplitMix64(seed: seed)
        peers = FaultyPeers(seed: seed &+ 1_000, faults: .all)
        pausedUntil = Array(repeating: now, count: Self.names.count)
        for index in Self.names.indices { nodes.append(fresh(index)) }
    }

    private static let settings = {
        var settings = Links.Settings()
        settings.heartbeatMilliseconds = 50
        settings.silenceMilliseconds = 400
        settings.resendMilliseconds = 10
        settings.resendMaximumMilliseconds = 100
        settings.windowBytes = 8_192
        settings.frameBytes = 1_024
        settings.bufferedBytesMaximum = 160_000
        return settings
    }()

    private mutating func fresh(_ index: Int) -> SimulatedNode {
        SimulatedNode(
            Self.names[index].text, epoch: dice.next(), on: peers, Self.settings, at: now)
    }

    // MARK: Steps

    mutating func step() {
        now = now.adding(milliseconds: 1)
        peers.step()
        if !isHealed { misfortune() }
        for index in nodes.indices where pausedUntil[index] <= now {
            if !isHealed, comes(100) { postSome(index) }
            serve(index)
        }
    }

    mutating func heal() {
        isHealed = true
        peers.faults = PeerFaults()
        peers.mend()
        for index in nodes.indices { pausedUntil[index] = now }
    }

    private mutating func serve(_ index: Int) {
        nodes[index].turn(at: now)
        for event in nodes[index].take() { note(event, at: Self.names[index]) }
    }

    private mutating func misfortune() {
        let one = Int.random(in: nodes.indices, using: &dice)
        let other = (one + Int.random(in: 1..<nodes.count, using: &dice)) % nodes.count
        let (from, to) = (Self.names[one], Self.names[other])
        if comes(2) { peers.cut(from: from, to: to) }
        if comes(2) {
            peers.cut(from: from, to: to)
            peers.cut(from: to, to: from)
        }
        if comes(6) { peers.mend() }
        if comes(1) { restart(one, saysGoodbye: true) }
        if comes(1) { restart(one, saysGoodbye: false) }
        if comes(1) {
            let length = Int64.random(in: 1...800, using: &dice)
            pausedUntil[one] = now.adding(milliseconds: length)
        }
    }

    private mutating func restart(_ index: Int, saysGoodbye: Bool) {
        if saysGoodbye { nodes[index].sayGoodbye(at: now) }
        nodes[index].leave()
        for route in Array(sent.keys) where route.from == Self.names[index] { sent[route] = nil }
        for route in Array(received.keys) where route.to == Self.names[index] { end(route) }
        nodes[index] = fresh(index)
        pausedUntil[index] = now
    }

    private mutating func comes(_ share: Int) -> Bool {
        Int.random(in: 0..<1_000, using: &dice) < share
    }

    // MARK: Posts

    private mutating func postSome(_ index: Int) {
        let other = (index + Int.random(in: 1..<nodes.count, using: &dice)) % nodes.count
        for _ in 0..<Int.random(in: 1...4, using: &dice) { post(index, other) }
    }

    mutating func postToAll() {
        for one in nodes.indices {
            for other in nodes.indices where other != one { post(one, other) }
        }
    }

    /// Says on which link it was posted, and as the how manyth.
    private mutating func post(_ index: Int, _ other: Int) {
        let route = Route(from: Self.names[index], to: Self.names[other])
        guard let link = sent[route] else { return }
        sent[route]?.count += 1
        let kind = Int.random(in: 0..<100, using: &dice)
        let most = kind < 90 ? 200 : kind < 98 ? 4_000 : 40_000
        let length = Int.random(in: 0...most, using: &dice)
        nodes[index].post(Self.batch(link.id, link.count, length), to: route.to)
    }

    private static func batch(_ id: UInt64, _ number: UInt64, _ length: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        for value in [id, number] {
            for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * shift))) }
        }
        return bytes + Ramp.bytes(length, from: Int(number % 251))
    }

    private static func read(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    // MARK: Books

    private mutating func note(_ event: LinkEvent, at node: NodeName) {
        switch event {
        case .up(let peer):
            let (out, back) = (Route(from: node, to: peer), Route(from: peer, to: node))
            if sent[out] != nil || received[back] != nil { faults.append("up while it is up") }
            lastID += 1
            sent[out] = Sent(id: lastID)
            received[back] = Received()
        case .down(let peer):
            let (out, back) = (Route(from: node, to: peer), Route(from: peer, to: node))
            if sent[out] == nil || received[back] == nil { faults.append("down while it is down") }
            sent[out] = nil
            endedLinks += 1
            end(back)
        case .batch(let peer, let bytes): take(bytes, Route(from: peer, to: node))
        }
    }

    private mutating func end(_ route: Route) {
        if let id = received[route]?.id { over.insert(id) }
        received[route] = nil
    }

    private mutating func take(_ bytes: [UInt8], _ route: Route) {
        guard var link = received[route] else { return faults.append("a batch while it is down") }
        let id = Self.read(bytes[0..<8])
        let number = Self.read(bytes[8..<16])
        delivered += 1
        if over.contains(id) { faults.append("of a link that was over") }
        if link.id ?? id != id { faults.append("of another link") }
        if number != link.count { faults.append("number \(number) after \(link.count)") }
        if bytes != Self.batch(id, number, bytes.count - 16) { faults.append("other bytes") }
        link.id = id
        link.count += 1
        received[route] = link
    }

    // MARK: The end

    mutating func expectAllUp() {
        for one in Self.names {
            for other in Self.names where other != one {
                let route = Route(from: one, to: other)
                if sent[route] == nil || received[route] == nil { faults.append("\(route): down") }
            }
        }
    }

    mutating func expectAllDelivered() {
        for (route, link) in sent {
            let other = received[route]
            if other?.id != link.id || other?.count != link.count {
                faults.append("\(route): \(link), \(String(describing: other))")
            }
        }
    }
}
